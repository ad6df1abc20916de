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
  const spaces = options.spaces ?? [{ id: 'main', closed: null }];
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

  const bytes = async (request) => {
    let count = 0;
    for await (const piece of request) count += piece.length;
    return count;
  };

  async function handle(request, response) {
    const url = new URL(request.url, 'http://localhost');
    if (url.pathname === '/oidc') return file('/index.html', response);
    if (!url.pathname.startsWith('/v1/') && url.pathname !== '/readyz') return file(url.pathname, response);
    const person = who(request);
    const enter = (name, role, status) => {
      const token = `${name}-${sessions.size + 1}`;
      const session = {
        name,
        kind: 'person',
        roles: { [role === 'admin' ? '*' : 'main']: role },
        role,
        csrf: `csrf-${token}`,
        until: null,
      };
      sessions.set(token, session);
      return json(response, session, status, {
        'set-cookie': `midwatch=${token}; HttpOnly; SameSite=Strict; Path=/`,
      });
    };
    if (url.pathname === '/v1/session' && request.method === 'POST') {
      const { name, password } = await body(request);
      const account = accounts?.[name];
      if (!account || account.password !== password) {
        return problem(response, 401, 'Not signed in', 'The name or the password is wrong.');
      }
      return enter(name, account.role, 200);
    }
    if (url.pathname === '/v1/session/ways') return json(response, { oidc: options.provider?.label ?? null });
    if (url.pathname === '/v1/session/oidc/begin') {
      // The provider sends everybody back at once.
      return json(response, { address: options.provider.address, browser: 'br0wser' });
    }
    if (url.pathname === '/v1/session/oidc') {
      const { code, state, browser } = await body(request);
      if (code !== 'c0de' || state !== 'st4te' || browser !== 'br0wser') {
        return problem(response, 403, 'Not allowed', 'none of your groups has a role here');
      }
      return enter('oidc:ada', 'approver', 200);
    }
    if (url.pathname === '/v1/setup') {
      const { token, name, password } = await body(request);
      const link = options.links?.[token];
      if (!link) return problem(response, 401, 'Not signed in', 'the link was used, or has ended');
      if (link.kind !== 'sign_in' && password.length < 12) {
        return problem(response, 409, 'It cannot be done', 'the password is shorter than 12 characters');
      }
      delete options.links[token];
      const as = link.name || name;
      accounts[as] = { password, role: link.role };
      return enter(as, link.role, 201);
    }
    if (accounts && !person && !(options.open && request.method === 'GET'))
      return problem(response, 401, 'Not signed in', 'Sign in first.');
    if (request.method !== 'GET') {
      if (accounts && request.headers['x-csrf-token'] !== person.csrf) {
        return problem(response, 403, 'Refused', 'The request does not come from this page.');
      }
      // Bytes that are put at an address are the same however often they come.
      if (!request.headers['idempotency-key'] && request.headers['content-type'] !== 'application/zstd')
        return problem(response, 400, 'Refused', 'An idempotency key is wanted.');
    }
    if (url.pathname === '/v1/session' && request.method === 'DELETE') {
      for (const [token, one] of sessions) if (one === person) sessions.delete(token);
      return json(response, {});
    }
    if (url.pathname === '/v1/session') {
      const reader = {
        name: '',
        kind: 'nobody',
        roles: { '*': 'viewer' },
        role: 'viewer',
        csrf: null,
        until: null,
      };
      return accounts
        ? json(response, person ?? reader)
        : problem(response, 404, 'Not found', 'This server knows no accounts.');
    }
    if (url.pathname === '/readyz') return json(response, { status: 'ok', troubled: [] });
    if (url.pathname === '/v1/events') return stream(request, response);
    if (/^\/v1\/(people|keys|invitations)\b/.test(url.pathname)) {
      return manage(url.pathname.split('/').slice(2).map(decodeURIComponent), request, response, person);
    }
    if (url.pathname === '/v1/spaces') return json(response, { items: spaces, next: null });
    const [, space, rest] = /^\/v1\/spaces\/([^/]+)\/(.*)$/.exec(url.pathname) ?? [];
    if (space && space !== 'main') return elsewhere(space, rest, response);
    const path = url.pathname.replace('/v1/spaces/main/', '').split('/').map(decodeURIComponent);
    return route(path, url, request, response, person);
  }

  /** A space beside `main`, in which nothing ever happens. */
  function elsewhere(space, path, response) {
    const found = spaces.find(({ id }) => id === space);
    if (!found) return problem(response, 404, 'Not found', `there is no space "${space}"`);
    if (found.closed) return problem(response, 503, 'This space could not be started', found.closed);
    if (path === 'events') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      return response.write('retry: 2000\n\n');
    }
    if (path === 'incidents') return json(response, { items: [], next: null });
    return problem(response, 404, 'Not found', 'There is nothing here.');
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
      if (
        request.method === 'POST' &&
        ['note', 'judge', 'cause', 'look', 'link', 'split', 'merge', 'close'].includes(rest)
      ) {
        const given = await body(request);
        const by = person?.name ?? 'root';
        world.deeds.push({ what: rest, ...given, by });
        if (rest === 'note') world.add({ event: 'noted', by, text: given.text });
        if (rest === 'look') world.add({ event: 'look_asked', by });
        if (rest === 'cause') {
          if (given.mechanism === 'tls.certificate-expird') {
            const said =
              'there is no mechanism "tls.certificate-expird"; did you mean tls.certificate-expired?';
            return problem(response, 409, 'It cannot be done as things stand', said);
          }
          if (!given.beside) {
            for (const { entity, mechanism } of world.report(one).causes) {
              world.add({ event: 'cause_judged', entity, mechanism, right: false, by });
            }
          }
          world.add({
            event: 'cause_named',
            entity: given.entity,
            kind: 'gateway',
            mechanism: given.mechanism,
            category: 'system_change',
            instead: !given.beside,
            by,
          });
        }
        if (rest === 'link') world.add({ event: 'linked', incident: given.with, why: `${by}: ${given.why}` });
        if (rest === 'judge') {
          const causes = world.report(one).causes;
          for (const { entity, mechanism } of given.cause ? [causes[given.cause - 1]] : causes) {
            world.add({ event: 'cause_judged', entity, mechanism, right: given.right, by });
          }
        }
        return json(response, { said: `${rest}: done in the name of ${by}` });
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
    if (first === 'recordings' && request.method === 'PUT') {
      const sent = await bytes(request);
      const kept = {
        ...world.recordings[0],
        name: id,
        bytes: sent,
        title: 'sent just now',
        investigated: false,
      };
      world.recordings.push(kept);
      return json(response, kept);
    }
    if (first === 'recordings' && request.method === 'DELETE') {
      world.recordings = world.recordings.filter((one) => one.name !== id);
      return json(response, { removed: id });
    }
    if (first === 'recordings' && rest === 'investigations') {
      const kept = world.recordings.find((one) => one.name === id);
      const job = world.investigation(id, person?.name ?? 'root');
      setTimeout(() => {
        job.going = 'done';
        kept.investigated = true;
      }, 600);
      return json(response, job, 202);
    }
    if (first === 'recordings') return page(world.recordings);
    if (first === 'investigations') return page(world.investigations);
    if (first === 'compare') return json(response, world.compare(url.searchParams));
    if (first === 'policy' && id === 'simulate') return json(response, world.simulate(await body(request)));
    if (first === 'policy') return json(response, world.policy());
    if (first === 'notifiers' && rest === 'test') {
      const told = id !== 'pagerduty.main';
      const said = told
        ? `${id} was told that this is a test`
        : `${id} could not be told: events.pagerduty.com answered 403.`;
      return json(response, { told, said });
    }
    if (first === 'inlets' && last) {
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
      return response.end(
        'content-type: application/json\n\n{"alerts": ["<b>bold</b>"], "token":"[hidden]"}',
      );
    }
    if (first === 'inlets' && id) return page(world.deliveries());
    if (first === 'inlets') return page(world.inlets());
    if (first === 'notifiers') return page(world.notifiers());
    if (first === 'silences' && request.method === 'POST') {
      const given = await body(request);
      world.deeds.push(id ? { what: 'end silence', id } : { what: 'silence', ...given });
      return json(response, { said: id ? 'it is over' : 'it is quiet' });
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
        {
          id: 's-0',
          entity: 'database/*',
          from,
          until,
          every: 'once',
          by: 'ada',
          why: 'an upgrade',
          ended: '2026-11-21T11:30:00Z',
          ended_by: 'bob',
        },
      ]);
    }
    if (first === 'alarms') return page(world.alarms());
    return problem(response, 404, 'Not found', `There is nothing at ${url.pathname}.`);
  }

  async function manage([what, name, deed], request, response, person) {
    if (!accounts) return problem(response, 404, 'Not found', 'This server knows no accounts.');
    if (person?.role !== 'admin' && what !== 'keys') {
      return problem(response, 403, 'You may not do this', 'this needs the permission "manage"');
    }
    const now = '2026-11-20T08:00:00Z';
    if (request.method === 'GET') {
      if (what === 'keys') return json(response, { items: world.keys, next: null });
      if (what === 'invitations') return json(response, { items: [], next: null });
      const people = Object.entries(accounts).map(([called, { role }]) => ({
        name: called,
        roles: { [role === 'admin' ? '*' : 'main']: role },
        has_password: true,
        made: now,
        by: 'setup',
      }));
      return json(response, { items: people, next: null });
    }
    const given = await body(request);
    world.deeds.push({
      what: `${request.method} ${what}${deed ? ` ${deed}` : ''}`,
      ...(name && { name }),
      ...given,
    });
    if (what === 'invitations' || deed === 'reset') {
      const kind = deed ?? 'invitation';
      return json(response, { kind, link: `/#/link/${kind}/t0ken`, token: 't0ken' }, 201);
    }
    if (what === 'keys' && request.method === 'POST') {
      const key = {
        id: 'k1',
        person: person.name,
        made: now,
        until: null,
        used: null,
        revoked: null,
        ...given,
      };
      world.keys.push(key);
      return json(response, { key, secret: 'mw_k1_5ecret' }, 201);
    }
    if (what === 'keys') world.keys = world.keys.filter((key) => key.id !== name);
    if (deed === 'roles') accounts[name].role = given.roles['*'] ?? given.roles.main;
    if (what === 'people' && request.method === 'DELETE') delete accounts[name];
    return json(response, { said: 'done' });
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
