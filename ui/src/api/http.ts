// One way to ask the server: JSON in and out, problem details (RFC 9457) as errors, the session's token with every
// request that alters something.

/** What the server said instead of an answer. */
export class Problem extends Error {
  override name = 'Problem';
  /** 0 when no answer came at all. */
  status: number;
  title: string;
  detail: string;
  code: string;
  constructor(status: number, title: string, detail: string, code = '') {
    super(detail || title);
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.code = code;
  }
}

let csrf = '';
/** Keeps the session's token for the requests to come. */
export function holdToken(token: string | null | undefined): void {
  csrf = token ?? '';
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

async function problemOf(response: Response): Promise<Problem> {
  let body: Record<string, unknown> = {};
  try {
    const parsed: unknown = await response.json();
    if (parsed && typeof parsed === 'object') body = parsed as Record<string, unknown>;
  } catch {
    // A proxy's page, most likely: the status has to do.
  }
  const title = text(body.title) || `The server answered ${response.status}`;
  return new Problem(response.status, title, text(body.detail), text(body.code) || text(body.type));
}

/** A name for one request, so that one sent twice is done once. */
function once(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Problem(0, 'No answer', 'The server cannot be reached.');
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const init: RequestInit = { headers: { accept: 'application/json' } };
  if (signal) init.signal = signal;
  return (await (await ask(path, init)).json()) as T;
}

export const post = <T>(path: string, body: unknown): Promise<T> => alter<T>('POST', path, body);

/** Bytes that are put at an address, as they are. */
export async function put<T>(path: string, bytes: Blob, kind: string): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json', 'content-type': kind };
  if (csrf) headers['x-csrf-token'] = csrf;
  return (await (await ask(path, { method: 'PUT', headers, body: bytes })).json()) as T;
}

/** Something that is altered: once, however often it is sent, and only from this page. */
export async function alter<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = {
    accept: 'application/json',
    'idempotency-key': once(),
  };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (csrf) headers['x-csrf-token'] = csrf;
  const init: RequestInit = { method, headers };
  if (body !== undefined) init.body = JSON.stringify(body);
  const response = await ask(path, init);
  const said = await response.text();
  return (said ? JSON.parse(said) : {}) as T;
}
