import { createContext, useContext } from 'react';
import type { Session } from './api/shapes';

/** Who is signed in; `null` where the server knows no accounts. */
export const SessionContext = createContext<Session | null>(null);
export const useSession = (): Session | null => useContext(SessionContext);

/** May this person say yes, as far as the page can know? The server decides. */
export function mayApprove(session: Session | null): boolean {
  return !session?.role || ['approver', 'admin'].includes(session.role);
}
