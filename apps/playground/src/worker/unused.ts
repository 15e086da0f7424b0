/** Stands for backends of TensorFlow.js that the page does not use; vite.config.ts puts it in their place. */
export const unused = true;
