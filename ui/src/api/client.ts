// Every route that the page knows, and nowhere else.
import { get, holdToken, Problem, post } from './http';
import type { Report } from './report';
import type {
  AlarmRow,
  Change,
  Entry,
  Explained,
  Finding,
  Lesson,
  Mechanism,
  Page,
  Ready,
  Reply,
  Session,
  Silence,
  Stats,
  Summary,
  Topology,
} from './shapes';

export { Problem } from './http';

const SPACE = '/v1/spaces/main';
export const EVENTS = '/v1/events';
const at = (id: string, rest = ''): string => `${SPACE}/incidents/${encodeURIComponent(id)}${rest}`;

/** Some commands print a bare list where the API answers a page of items; both are read. */
function items<T>(answer: Page<T> | T[]): T[] {
  return Array.isArray(answer) ? answer : (answer.items ?? []);
}

/** As many items as one part of a list may hold. */
const PART = 200;

/** All parts of a list, up to so many items: the page shows no more than a person can read. */
async function all<T>(path: string, signal?: AbortSignal, most = 600): Promise<T[]> {
  const first = `${path}${path.includes('?') ? '&' : '?'}limit=${PART}`;
  const found: T[] = [];
  let next: string | null | undefined = '';
  do {
    const from: string = next ? `${first}&cursor=${encodeURIComponent(next)}` : first;
    const page: Page<T> | T[] = await get<Page<T> | T[]>(from, signal);
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

async function ready(signal?: AbortSignal): Promise<Finding[] | null> {
  const part = (what: string, stands: Finding['stands'], said: string): Finding => ({
    what,
    stands,
    said,
    to_do: stands === 'ok' ? '' : 'the server’s log says what is wrong; so does midwatch doctor',
  });
  try {
    const told = await perhaps(get<Ready>('/readyz', signal));
    return told && [part('Midwatch', 'ok', 'every part of it works')];
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 503) throw error;
    const names = /^troubled: (.+)$/.exec(error.detail)?.[1]?.split(', ') ?? [error.detail || error.title];
    return names.map((name) => part(name, 'broken', 'does not work now'));
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
    const answer = await perhaps(get<{ evidence: Explained[] }>(path, signal));
    return answer?.evidence[0] ?? null;
  },
  approve: (id: string, plan: string) => post<{ said?: string }>(at(id, '/approve'), { plan }),
  refuse: (id: string, plan: string, why: string) =>
    post<{ said?: string }>(at(id, '/refuse'), { plan, why }),
  ask: (question: string) => post<Reply>(`${SPACE}/ask`, { question }),
  stats: (signal?: AbortSignal) => get<Stats>(`${SPACE}/stats`, signal),
  lessons: async (signal?: AbortSignal) => perhaps(all<Lesson>(`${SPACE}/lessons`, signal)),
  /** What `midwatch doctor` finds; where the server does not tell that, whether each of its parts works. */
  health: async (signal?: AbortSignal): Promise<Finding[] | null> =>
    (await perhaps(all<Finding>(`${SPACE}/doctor`, signal))) ?? ready(signal),
  alarms: async (signal?: AbortSignal) => perhaps(all<AlarmRow>(`${SPACE}/alarms`, signal)),
  silences: async (signal?: AbortSignal) => perhaps(all<Silence>(`${SPACE}/silences`, signal)),
  mechanisms: async (signal?: AbortSignal) => perhaps(all<Mechanism>(`${SPACE}/mechanisms`, signal)),
  topology: async (signal?: AbortSignal) => perhaps(get<Topology>(`${SPACE}/topology`, signal)),
  changes: async (signal?: AbortSignal) => perhaps(all<Change>(`${SPACE}/changes`, signal)),
  /** Where a browser fetches an incident's documents. */
  exports: (id: string) => [
    { name: 'Report, one HTML file', href: at(id, '/report?format=html') },
    { name: 'Report, Markdown', href: at(id, '/report?format=markdown') },
    { name: 'Report, JSON', href: at(id, '/report') },
    { name: 'Post-mortem, Markdown', href: at(id, '/postmortem') },
  ],
};
