// Every route that the page knows, and nowhere else.
import { get, holdToken, Problem, post } from './http';
import type { Report } from './report';
import type {
  AlarmRow,
  Entry,
  Explained,
  Finding,
  Lesson,
  Mechanism,
  Page,
  Reply,
  Session,
  Silence,
  Stats,
  Summary,
} from './shapes';

export { Problem } from './http';

const SPACE = '/v1/spaces/main';
export const EVENTS = '/v1/events';
const at = (id: string, rest = ''): string => `${SPACE}/incidents/${encodeURIComponent(id)}${rest}`;

/** Some commands print a bare list where the API answers a page of items; both are read. */
function items<T>(answer: Page<T> | T[]): T[] {
  return Array.isArray(answer) ? answer : (answer.items ?? []);
}

/** All pages of a list, up to so many items: the page shows no more than a person can read. */
async function all<T>(path: string, signal?: AbortSignal, most = 500): Promise<T[]> {
  const found: T[] = [];
  let next: string | null | undefined = '';
  do {
    const mark: string = next ? `${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(next)}` : '';
    const page: Page<T> | T[] = await get<Page<T> | T[]>(path + mark, signal);
    found.push(...items(page));
    next = Array.isArray(page) ? null : page.next;
  } while (next && found.length < most);
  return found;
}

/** `null` where this server has no such thing (yet), so that the page can say so instead of failing. */
async function perhaps<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Problem && (error.status === 404 || error.status === 501)) return null;
    throw error;
  }
}

export const api = {
  /** Who am I? `null` where the server knows no accounts: whoever reaches it is let in. */
  async session(signal?: AbortSignal): Promise<Session | null> {
    const session = await perhaps(get<Session>('/v1/session', signal));
    holdToken(session?.csrf);
    return session;
  },
  async login(name: string, password: string): Promise<void> {
    await post('/v1/login', { name, password });
  },
  async logout(): Promise<void> {
    await post('/v1/logout', {});
    holdToken(null);
  },
  open: (signal?: AbortSignal) => all<Summary>(`${SPACE}/incidents`, signal),
  everything: (signal?: AbortSignal) => all<Summary>(`${SPACE}/incidents?all=true`, signal),
  incident: (id: string, signal?: AbortSignal) => get<Summary>(at(id), signal),
  timeline: (id: string, signal?: AbortSignal) => all<Entry>(at(id, '/timeline'), signal, 20_000),
  /** `null` while there is none. */
  report: (id: string, signal?: AbortSignal) => perhaps(get<Report>(at(id, '/report'), signal)),
  /** `null` where the rows are not to be had; the report's own references stand then. */
  explain: async (id: string, evidence: string, signal?: AbortSignal): Promise<Explained | null> => {
    const path = at(id, `/evidence/${encodeURIComponent(evidence)}`);
    const answer = await perhaps(get<{ evidence: Explained[] } | Explained>(path, signal));
    if (answer && 'evidence' in answer) return answer.evidence[0] ?? null;
    return answer;
  },
  approve: (id: string, plan: string) => post<{ said?: string }>(at(id, '/approve'), { plan }),
  refuse: (id: string, plan: string, why: string) =>
    post<{ said?: string }>(at(id, '/refuse'), { plan, why }),
  ask: (question: string) => post<Reply>(`${SPACE}/ask`, { question }),
  stats: (signal?: AbortSignal) => get<Stats>(`${SPACE}/stats`, signal),
  lessons: async (signal?: AbortSignal) => perhaps(all<Lesson>(`${SPACE}/lessons`, signal)),
  health: async (signal?: AbortSignal) => perhaps(all<Finding>(`${SPACE}/doctor`, signal)),
  alarms: async (signal?: AbortSignal) => perhaps(all<AlarmRow>(`${SPACE}/alarms`, signal)),
  silences: async (signal?: AbortSignal) => perhaps(all<Silence>(`${SPACE}/silences`, signal)),
  mechanisms: async (signal?: AbortSignal) => perhaps(all<Mechanism>(`${SPACE}/mechanisms`, signal)),
  /** Where a browser fetches an incident's documents. */
  exports: (id: string) => [
    { name: 'Report, one HTML file', href: at(id, '/report?format=html') },
    { name: 'Report, Markdown', href: at(id, '/report?format=markdown') },
    { name: 'Report, JSON', href: at(id, '/report') },
    { name: 'Post-mortem, Markdown', href: at(id, '/postmortem') },
    { name: 'Recording, to replay', href: at(id, '/recording') },
  ],
};
