import { createContext, useContext } from 'react';
import type { Session } from './api/shapes';

/** Who is signed in; `null` where the server knows no accounts. */
export const SessionContext = createContext<Session | null>(null);
export const useSession = (): Session | null => useContext(SessionContext);

/** May this person say yes, as far as the page can know? The server decides. */
export function mayApprove(session: Session | null): boolean {
  return may(session, 'approver');
}

const RANKS = ['viewer', 'responder', 'approver', 'admin'];

/** Has this person at least that role? Where the server knows no accounts, it decides. */
export function may(session: Session | null, role: string): boolean {
  if (session === null || session.role === undefined) return true;
  return RANKS.indexOf(session.role ?? '') >= RANKS.indexOf(role);
}
