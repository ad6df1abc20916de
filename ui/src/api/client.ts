// Every route that the page knows, and nowhere else.
import { alter, get, holdToken, Problem, post, put } from './http';
import type { Report } from './report';
import type {
  AlarmRow,
  ApiKey,
  Begins,
  Change,
  Channel,
  Compared,
  Delivery,
  Entry,
  Explained,
  Finding,
  Inlet,
  Investigation,
  Invitation,
  Lesson,
  LinkMade,
  Mechanism,
  Page,
  Person,
  Policy,
  Ready,
  RecordingLine,
  Reply,
  Said,
  Session,
  Silence,
  Simulated,
  Space,
  Stats,
  Summary,
  Supposition,
  Tested,
  Topology,
  Ways,
} from './shapes';

export { Problem } from './http';

import { EVERYWHERE, here, MAIN } from '../space';

/** Where the routes of the space that is shown begin. */
const own = (path: string): string => `/v1/spaces/${here()}${path}`;
export const events = (space: string): string =>
  space === MAIN ? '/v1/events' : `/v1/spaces/${space}/events`;
const at = (id: string, rest = ''): string => own(`/incidents/${encodeURIComponent(id)}${rest}`);

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
    const light = (told?.troubled ?? []).map((name) => part(name, 'broken', 'wants to be looked at'));
    return told && [part('Midwatch', 'ok', 'it does its work'), ...light];
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
    holdToken((await post<Session>('/v1/session', { name, password })).csrf);
  },
  /** Uses a one-time link: it signs in, and where it makes an account or a new password takes these. */
  async redeem(token: string, name: string, password: string): Promise<void> {
    holdToken((await post<Session>('/v1/setup', { token, name, password })).csrf);
  },
  /** What the button says that leads to a provider; `null` where there is none. */
  async provider(signal?: AbortSignal): Promise<string | null> {
    return (await perhaps(get<Ways>('/v1/session/ways', signal)))?.oidc ?? null;
  },
  beginSignOn: () => post<Begins>('/v1/session/oidc/begin', {}),
  async signOn(code: string, state: string, browser: string): Promise<void> {
    holdToken((await post<Session>('/v1/session/oidc', { code, state, browser })).csrf);
  },
  async logout(): Promise<void> {
    await alter('DELETE', '/v1/session');
    holdToken(null);
  },
  changePassword: (old: string, fresh: string) => post<Said>('/v1/session/password', { old, new: fresh }),
  open: (signal?: AbortSignal) => all<Summary>(own('/incidents'), signal),
  everything: (signal?: AbortSignal) => all<Summary>(own('/incidents?all=true'), signal),
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
  approve: (id: string, plan: string) => post<Said>(at(id, '/approve'), { plan }),
  refuse: (id: string, plan: string, why: string) => post<Said>(at(id, '/refuse'), { plan, why }),
  note: (id: string, text: string) => post<Said>(at(id, '/note'), { text }),
  close: (id: string, why: string) => post<Said>(at(id, '/close'), { why }),
  /** Was it a cause? The place of the cause in the newest report, from 1; without it all of them. */
  judge: (id: string, right: boolean, cause?: number) =>
    post<Said>(at(id, '/judge'), cause === undefined ? { right } : { cause, right }),
  /** It was something that no report of it blames, instead of or beside what the newest blames. */
  nameCause: (id: string, cause: { entity: string; mechanism: string; beside: boolean; unseen: boolean }) =>
    post<Said>(at(id, '/cause'), cause),
  look: (id: string) => post<Said>(at(id, '/look'), {}),
  split: (id: string, alarms: string[]) => post<Said>(at(id, '/split'), { alarms }),
  merge: (id: string, into: string) => post<Said>(at(id, '/merge'), { into }),
  link: (id: string, other: string, why: string) => post<Said>(at(id, '/link'), { with: other, why }),
  silence: (what: { entity?: string; rule?: string; seconds: number; why: string }) =>
    post<Said>(own('/silences'), what),
  endSilence: (id: string) => post<Said>(own(`/silences/${encodeURIComponent(id)}/end`), {}),
  /** A report that was written before the newest, by its digest. */
  reportOf: (id: string, digest: string, signal?: AbortSignal) =>
    perhaps(get<Report>(at(id, `/report?digest=${encodeURIComponent(digest)}`), signal)),
  /** What two looks saw differently: `incident:ID` or `incident:ID@DIGEST`, the earlier first. */
  compare: (left: string, right: string, signal?: AbortSignal) =>
    perhaps(
      get<Compared>(
        own(`/compare?left=${encodeURIComponent(left)}&right=${encodeURIComponent(right)}`),
        signal,
      ),
    ),
  recordings: (signal?: AbortSignal) => perhaps(all<RecordingLine>(own('/recordings'), signal)),
  sendRecording: (name: string, bytes: Blob) =>
    put<RecordingLine>(own(`/recordings/${encodeURIComponent(name)}`), bytes, 'application/zstd'),
  removeRecording: (name: string) => alter<unknown>('DELETE', own(`/recordings/${encodeURIComponent(name)}`)),
  investigate: (recording: string) =>
    post<Investigation>(own(`/recordings/${encodeURIComponent(recording)}/investigations`), {}),
  investigations: (signal?: AbortSignal) => perhaps(all<Investigation>(own('/investigations'), signal)),
  /** Where a browser reads the newest report of a recording. */
  reportOfRecording: (name: string) => own(`/recordings/${encodeURIComponent(name)}/report?format=html`),
  policy: (signal?: AbortSignal) => perhaps(get<Policy>(own('/policy'), signal)),
  simulate: (supposed: Supposition) => post<Simulated>(own('/policy/simulate'), supposed),
  people: (signal?: AbortSignal) => perhaps(all<Person>('/v1/people', signal)),
  invitations: (signal?: AbortSignal) => perhaps(all<Invitation>('/v1/invitations', signal)),
  /** The spaces that whoever asks may see. */
  spaces: async (signal?: AbortSignal) => perhaps(all<Space>('/v1/spaces', signal)),
  invite: (name: string, role: string) =>
    post<LinkMade>('/v1/invitations', { name, roles: { [here()]: role } }),
  /** Alters the role that counts here, and leaves those in other spaces as they are. */
  setRole: ({ name, roles }: Person, role: string) => {
    const space = roles[here()] === undefined && roles[EVERYWHERE] !== undefined ? EVERYWHERE : here();
    return alter<Said>('PUT', `/v1/people/${encodeURIComponent(name)}/roles`, {
      roles: { ...roles, [space]: role },
    });
  },
  resetPassword: (name: string) => post<LinkMade>(`/v1/people/${encodeURIComponent(name)}/reset`, {}),
  removePerson: (name: string) => alter<Said>('DELETE', `/v1/people/${encodeURIComponent(name)}`),
  keys: (signal?: AbortSignal) => perhaps(all<ApiKey>('/v1/keys', signal)),
  addKey: (name: string, role: string, days: number | null) =>
    post<{ key: ApiKey; secret: string }>('/v1/keys', { name, scopes: { [here()]: role }, days }),
  revokeKey: (id: string) => alter<Said>('DELETE', `/v1/keys/${encodeURIComponent(id)}`),
  notifiers: (signal?: AbortSignal) => perhaps(all<Channel>(own('/notifiers'), signal)),
  async testNotifier(name: string): Promise<Tested> {
    const tested = await post<Tested>(own(`/notifiers/${encodeURIComponent(name)}/test`), {});
    if (!tested.told) throw new Problem(200, 'It did not arrive', tested.said);
    return tested;
  },
  inlets: (signal?: AbortSignal) => perhaps(all<Inlet>(own('/inlets'), signal)),
  /** The newest of what was posted there. */
  deliveries: async (inlet: string, signal?: AbortSignal): Promise<Delivery[]> =>
    items(await get<Page<Delivery>>(own(`/inlets/${encodeURIComponent(inlet)}/deliveries?limit=20`), signal)),
  /** Where a browser reads one of these, as plain text. */
  delivery: (inlet: string, id: number | string) =>
    own(`/inlets/${encodeURIComponent(inlet)}/deliveries/${id}`),
  ask: (question: string) => post<Reply>(own('/ask'), { question }),
  stats: (signal?: AbortSignal) => get<Stats>(own('/stats'), signal),
  lessons: async (signal?: AbortSignal) => perhaps(all<Lesson>(own('/lessons'), signal)),
  /** What `midwatch doctor` finds; where the server does not tell that, whether each of its parts works. */
  health: async (signal?: AbortSignal): Promise<Finding[] | null> =>
    (await perhaps(all<Finding>(own('/doctor'), signal))) ?? ready(signal),
  alarms: async (signal?: AbortSignal) => perhaps(all<AlarmRow>(own('/alarms'), signal)),
  silences: async (signal?: AbortSignal) => perhaps(all<Silence>(own('/silences?all=true'), signal)),
  mechanisms: async (signal?: AbortSignal) => perhaps(all<Mechanism>(own('/mechanisms'), signal)),
  topology: async (signal?: AbortSignal) => perhaps(get<Topology>(own('/topology'), signal)),
  changes: async (signal?: AbortSignal) => perhaps(all<Change>(own('/changes'), signal)),
  /** Where a browser fetches an incident's documents. */
  exports: (id: string) => [
    { name: 'Report, one HTML file', href: at(id, '/report?format=html') },
    { name: 'Report, Markdown', href: at(id, '/report?format=markdown') },
    { name: 'Report, JSON', href: at(id, '/report') },
    { name: 'Post-mortem, Markdown', href: at(id, '/postmortem') },
    { name: 'Recording, to investigate anywhere', href: at(id, '/recording') },
  ],
};
