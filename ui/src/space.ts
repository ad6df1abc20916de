// Which space the page shows: the address names it, so that a link leads where it was made. Without a name it is `main`,
// or for whoever may not see that, the first one that they may.
import type { Session } from './api/shapes';

export const MAIN = 'main';
/** What stands for every space where roles are held. */
export const EVERYWHERE = '*';

const NAMED = /^#\/spaces\/([a-z0-9][a-z0-9-]*)(?=[/?]|$)/;
let usual = MAIN;

/** The space that an address names; `null` where it names none. */
export const named = (hash: string): string | null => NAMED.exec(hash)?.[1] ?? null;

/** The address without the space. */
export const unnamed = (hash: string): string => hash.replace(NAMED, '#');

/** The space that is shown. */
export function here(): string {
  return (typeof location === 'undefined' ? null : named(location.hash)) ?? usual;
}

/** An address of the page in a space, from one without. */
export const inside = (space: string, path: string): string =>
  space === MAIN ? `#${path}` : `#/spaces/${space}${path}`;

/** From who it is follows what is shown where the address names no space. */
export function settle(session: Session | null): void {
  const roles = Object.keys(session?.roles ?? {}).sort();
  usual =
    roles.length === 0 || roles.includes(EVERYWHERE) || roles.includes(MAIN) ? MAIN : (roles[0] ?? MAIN);
}
