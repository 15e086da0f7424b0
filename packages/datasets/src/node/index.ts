export { fetchDataset } from './fetchDataset.ts';
export { fileStorage } from './fileStorage.ts';
export { loadDataset } from './loadDataset.ts';
export type { LoadOptions } from './loadDataset.ts';
