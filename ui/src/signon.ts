// Signing in by a provider: the page goes there, and comes back to `/oidc` with a code.

/** What the provider sent us back with. */
export interface CameBack {
  code: string;
  state: string;
  /** Why it let nobody in; empty if it did. */
  error: string;
}

const KEPT = 'midwatch.sign-on';
let back: CameBack | null = null;

/** Takes what stands in the address out of it, before anything else reads the address. */
export function takeBack(): void {
  if (!location.pathname.endsWith('/oidc')) return;
  const query = new URLSearchParams(location.search);
  const part = (name: string): string => query.get(name) ?? '';
  back = { code: part('code'), state: part('state'), error: part('error') };
  history.replaceState(null, '', './#/signin');
}

/** With what somebody came back; told once. */
export function cameBack(): CameBack | null {
  const told = back;
  back = null;
  return told;
}

/** Kept by this tab alone, until it comes back. */
export const keep = (browser: string): void => sessionStorage.setItem(KEPT, browser);

/** What was kept; told once. */
export function kept(): string {
  const told = sessionStorage.getItem(KEPT) ?? '';
  sessionStorage.removeItem(KEPT);
  return told;
}

/** What the provider means by its word (RFC 6749, 4.1.2.1), for people. Nothing else of the address is shown. */
export function meant(error: string): string {
  if (error === 'access_denied') return 'The provider did not let you in, or you turned back there.';
  return 'The provider could not sign you in. Try again; if it stays so, tell whoever administers it.';
}
