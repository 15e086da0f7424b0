import { effect, signal, type ReadonlySignal } from '@preact/signals';

export type ThemeName = 'light' | 'dark';

export interface Theme {
  readonly name: ReadonlySignal<ThemeName>;
  toggle(): void;
}

const KEY = 'theme';

/** The system's theme, or the one that was chosen here before. */
export function createTheme(): Theme {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const chosen = stored();
  const name = signal<ThemeName>(chosen ?? (dark.matches ? 'dark' : 'light'));
  dark.addEventListener('change', () => {
    if (stored() === undefined) name.value = dark.matches ? 'dark' : 'light';
  });
  effect(() => {
    document.documentElement.dataset['theme'] = name.value;
  });
  return {
    name,
    toggle() {
      name.value = name.value === 'dark' ? 'light' : 'dark';
      try {
        localStorage.setItem(KEY, name.value);
      } catch {
        // Without storage it holds until the page is left.
      }
    },
  };
}

function stored(): ThemeName | undefined {
  try {
    const value = localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : undefined;
  } catch {
    return undefined;
  }
}
