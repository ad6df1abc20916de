import { useEffect, useState } from 'react';

const KEY = 'midwatch.theme';
export type Theme = 'system' | 'light' | 'dark';

/** The chosen look; `system` follows the machine. */
export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, set] = useState<Theme>(() => {
    const chosen = document.documentElement.dataset.theme;
    return chosen === 'light' || chosen === 'dark' ? chosen : 'system';
  });
  useEffect(() => {
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      if (theme === 'system') localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // It holds until the page is closed.
    }
    window.dispatchEvent(new Event('midwatch:theme'));
  }, [theme]);
  return [theme, set];
}

/** Calls back when the look changes, for what is drawn rather than styled. */
export function onLook(changed: () => void): () => void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  system.addEventListener('change', changed);
  window.addEventListener('midwatch:theme', changed);
  return () => {
    system.removeEventListener('change', changed);
    window.removeEventListener('midwatch:theme', changed);
  };
}

/** The value of one colour of the look that stands now. */
export const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim() || '#888';
