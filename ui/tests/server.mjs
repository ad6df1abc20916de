// A server that answers as Midwatch's API does, from real captured JSON, so that the page can be tried and tested
// without a Rust toolchain. `node tests/server.mjs [PORT]` serves ui/dist on it.
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { World } from './world.mjs';

const dist = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist');
const KINDS = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};
const HEADERS = {
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
};

/** Starts one on a free loopback port. */
export async function start(options = {}) {
  const world = new World(options);
  const accounts = options.accounts ?? null;
  const sessions = new Map();
  const sockets = new Set();
  let down = false;

  const server = createServer((request, response) => {
    handle(request, response).catch((error) => {
      console.error(error);
      problem(response, 500, 'The fixture server failed', String(error));
    });
  });
  server.on('connection', (socket) => {
    if (down) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });

  const json = (response, value, status = 200, headers = {}) => {
    response.writeHead(status, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...headers,
    });
    response.end(JSON.stringify(world.out(value)));
  };
  const problem = (response, status, title, detail) => {
    response.writeHead(status, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify({ type: 'about:blank', title, status, detail, code: title.toLowerCase() }));
  };
  const who = (request) => {
    const cookie = /(?:^|; )midwatch=([^;]+)/.exec(request.headers.cookie ?? '');
    return cookie ? sessions.get(cookie[1]) : undefined;
  };
  const body = async (request) => {
    let text = '';
    for await (const piece of request) text += piece;
    return text ? JSON.parse(text) : {};
  };

  async function handle(request, response) {
    const url = new URL(request.url, 'http://localhost');
    if (!url.pathname.startsWith('/v1/') && url.pathname !== '/readyz') return file(url.pathname, response);
    const person = who(request);
    if (url.pathname === '/v1/login') {
      const { name, password } = await body(request);
      const account = accounts?.[name];
      if (!account || account.password !== password) {
        return problem(response, 401, 'Not signed in', 'The name or the password is wrong.');
      }
      const token = `${name}-${sessions.size + 1}`;
      sessions.set(token, { name, role: account.role, csrf: `csrf-${token}` });
      return json(response, {}, 200, {
        'set-cookie': `midwatch=${token}; HttpOnly; SameSite=Strict; Path=/`,
      });
    }
    if (accounts && !person) return problem(response, 401, 'Not signed in', 'Sign in first.');
    if (request.method === 'POST') {
      if (accounts && request.headers['x-csrf-token'] !== person.csrf) {
        return problem(response, 403, 'Refused', 'The request does not come from this page.');
      }
      if (!request.headers['idempotency-key'])
        return problem(response, 400, 'Refused', 'An idempotency key is wanted.');
    }
    if (url.pathname === '/v1/logout') {
      for (const [token, one] of sessions) if (one === person) sessions.delete(token);
      return json(response, {});
    }
    if (url.pathname === '/v1/session') {
      return accounts
        ? json(response, person)
        : problem(response, 404, 'Not found', 'This server knows no accounts.');
    }
    if (url.pathname === '/readyz') return json(response, { status: 'ok', troubled: [] });
    if (url.pathname === '/v1/events') return stream(request, response);
    const path = url.pathname.replace('/v1/spaces/main/', '').split('/').map(decodeURIComponent);
    return route(path, url, request, response, person);
  }

  async function route([first, id, rest, last], url, request, response, person) {
    const page = (items) => json(response, { items, next: null });
    if (first === 'incidents' && !id) {
      const all = world.incidents.filter((one) => one.entries.length > 0).map((one) => world.summary(one));
      return page(url.searchParams.has('all') ? all : all.filter((one) => !one.closed));
    }
    if (first === 'incidents') {
      const one = world.find(id);
      if (!one) return problem(response, 404, 'No such incident', `Nobody knows an incident called ${id}.`);
      if (!rest) return json(response, world.summary(one));
      if (rest === 'timeline')
        return page(one.entries.map((entry) => ({ previous: '', digest: '', said: '', ...entry })));
      if (rest === 'report') {
        const report = world.report(one);
        return report
          ? json(response, report)
          : problem(response, 404, 'No report yet', 'It is being looked at.');
      }
      if (rest === 'evidence') {
        const found = one.evidence[last];
        return found ? json(response, found) : problem(response, 404, 'No rows', 'They are not kept.');
      }
      if (rest === 'approve' || rest === 'refuse') return decide(rest, request, response, person);
    }
    if (first === 'ask') {
      const { question } = await body(request);
      world.asked.push(question);
      const answer = world.answers[question];
      if (answer?.reply) return json(response, answer.reply);
      const detail =
        answer?.error ?? world.answers['sing me a song'].error.replace('sing me a song', question);
      return problem(response, 422, 'Not understood', detail);
    }
    if (first === 'stats') return json(response, world.stats());
    if (first === 'lessons' && options.lessons !== false) return page(world.lessons());
    if (first === 'doctor' && options.doctor !== false) return page(world.doctor());
    if (first === 'topology') return json(response, world.topology());
    if (first === 'changes') return page(world.changes());
    if (first === 'mechanisms') return page(world.mechanisms());
    if (first === 'silences') {
      const [from, until] = ['2026-11-21T11:00:00Z', '2026-11-21T14:00:00Z'];
      return page([
        { id: 's-1', rule: 'ledger-latency', from, until, every: 'once', by: 'ada', why: 'load test' },
      ]);
    }
    if (first === 'alarms') return page(world.alarms());
    return problem(response, 404, 'Not found', `There is nothing at ${url.pathname}.`);
  }

  async function decide(what, request, response, person) {
    const { plan, why } = await body(request);
    world.decisions = [...(world.decisions ?? []), { what, plan, why, by: person?.name ?? 'root' }];
    if (person && !['approver', 'admin'].includes(person.role)) {
      return problem(
        response,
        403,
        'Not permitted',
        `${person.name} is a ${person.role}; an approver must answer.`,
      );
    }
    if (plan !== world.digest) {
      return problem(
        response,
        409,
        'The plan has changed',
        'Your yes is bound to a plan that is not the newest any more. Look at the newer one.',
      );
    }
    if (options.readsOnly) return problem(response, 404, 'There is no such address', 'there is nothing here');
    if (options.policy) return problem(response, 403, 'The gate says no', options.policy);
    const by = person?.name ?? 'root';
    if (what === 'refuse') {
      world.add({ event: 'refused', plan, by, why });
      return json(response, { said: 'refused' });
    }
    json(response, { said: 'approved' });
    world.run(options.pace);
  }

  function stream(request, response) {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    const last = Number(request.headers['last-event-id'] ?? Number.NaN);
    world.resumedFrom = last;
    response.write(': here\n\n');
    if (!Number.isNaN(last)) {
      for (const notice of world.events.filter(({ id }) => id > last)) response.write(world.frame(notice));
    }
    world.streams.add(response);
    const beat = setInterval(() => response.write(': beat\n\n'), 10_000);
    response.on('close', () => {
      clearInterval(beat);
      world.streams.delete(response);
    });
  }

  function file(path, response) {
    const wanted = join(dist, normalize(path === '/' ? '/index.html' : path));
    if (!wanted.startsWith(dist) || !existsSync(wanted) || !statSync(wanted).isFile()) {
      return problem(response, 404, 'Not found', `There is no file ${path}.`);
    }
    response.writeHead(200, {
      'content-type': KINDS[extname(wanted)] ?? 'application/octet-stream',
      ...HEADERS,
    });
    createReadStream(wanted).pipe(response);
  }

  await new Promise((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  return {
    world,
    url: `http://127.0.0.1:${server.address().port}/`,
    /** Cuts every connection and lets none in. */
    lose() {
      down = true;
      for (const socket of sockets) socket.destroy();
    },
    regain() {
      down = false;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await start({ port: Number(process.argv[2] ?? 0), pace: 700 });
  console.log(`The page on captured data: ${url}`);
}
