import { createContext, useContext } from 'react';
import type { Session } from './api/shapes';
import { EVERYWHERE, here } from './space';

/** Who is signed in; `null` where the server knows no accounts. */
export const SessionContext = createContext<Session | null>(null);
export const useSession = (): Session | null => useContext(SessionContext);

/** May this person say yes, as far as the page can know? The server decides. */
export function mayApprove(session: Session | null): boolean {
  return may(session, 'approver');
}

const RANKS = ['viewer', 'responder', 'approver', 'admin'];
const rank = (role: string | null | undefined): number => RANKS.indexOf(role ?? '');

/** What this person is in the space that is shown. */
export function roleHere(session: Session): string | null {
  const { roles, role } = session;
  if (!roles) return role ?? null;
  const both = [roles[here()], roles[EVERYWHERE]].sort((a, b) => rank(b) - rank(a));
  return both[0] ?? null;
}

/** May this person decide who may what? That is no space's own affair. */
export function manages(session: Session): boolean {
  return session.roles ? session.roles[EVERYWHERE] === 'admin' : session.role === 'admin';
}

/** Has this person at least that role here? Where the server knows no accounts, it decides. */
export function may(session: Session | null, role: string): boolean {
  if (session === null || session.role === undefined) return true;
  return rank(roleHere(session)) >= rank(role);
}
