// Addresses behind the `#`, so that the page works from any folder of any server without rules for rewriting.
import { useSyncExternalStore } from 'react';
import { here, inside, unnamed } from './space';

export type Route =
  | { page: 'now' }
  | { page: 'incident'; id: string; show: string }
  | { page: 'approve'; id: string }
  | { page: 'topology'; at: string; incident: string }
  | { page: 'ask'; question: string }
  | { page: 'learned' }
  | { page: 'setup' }
  | { page: 'signin' }
  | { page: 'link'; kind: string; token: string }
  | { page: 'lost' };

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

export function parse(hash: string): Route {
  const [path = '', search = ''] = unnamed(hash).replace(/^#\/?/, '').split('?');
  const parts = path.split('/').filter(Boolean).map(decode);
  const query = new URLSearchParams(search);
  const [first, id, third] = parts;
  if (first === undefined) return { page: 'now' };
  if (first === 'incidents' && id && third === undefined) {
    return { page: 'incident', id, show: query.get('show') ?? '' };
  }
  if (first === 'incidents' && id && third === 'plan') return { page: 'approve', id };
  if (first === 'topology' && !id) {
    return { page: 'topology', at: query.get('at') ?? '', incident: query.get('incident') ?? '' };
  }
  if (first === 'ask' && !id) return { page: 'ask', question: query.get('q') ?? '' };
  if (first === 'learned' && !id) return { page: 'learned' };
  if (first === 'signin' && !id) return { page: 'signin' };
  if (first === 'link' && id && third) return { page: 'link', kind: id, token: third };
  if (first === 'setup' && !id) return { page: 'setup' };
  return { page: 'lost' };
}

/** Places of the space that is shown. */
const place = (path: string): string => inside(here(), path);

export const to = {
  get now() {
    return place('/');
  },
  incident: (id: string, show = '') =>
    place(`/incidents/${encodeURIComponent(id)}${show ? `?show=${encodeURIComponent(show)}` : ''}`),
  approve: (id: string) => place(`/incidents/${encodeURIComponent(id)}/plan`),
  topology: (at = '', incident = '') => {
    const query = new URLSearchParams({ ...(at && { at }), ...(incident && { incident }) }).toString();
    return place(`/topology${query ? `?${query}` : ''}`);
  },
  ask: (question = '') => place(`/ask${question ? `?q=${encodeURIComponent(question)}` : ''}`),
  get learned() {
    return place('/learned');
  },
  get setup() {
    return place('/setup');
  },
  signIn: '#/signin',
  space: (name: string) => inside(name, '/'),
};

export function go(hash: string): void {
  location.hash = hash.replace(/^#/, '');
}

/** Changes the address without a new step in the history. */
export function swap(hash: string): void {
  history.replaceState(null, '', hash);
  window.dispatchEvent(new HashChangeEvent('hashchange'));
}

const subscribe = (told: () => void) => {
  window.addEventListener('hashchange', told);
  return () => window.removeEventListener('hashchange', told);
};
export const useHash = (): string => useSyncExternalStore(subscribe, () => location.hash);
