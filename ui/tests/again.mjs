// A server that ends and is started again under an open page, on the real program: node tests/again.mjs PROGRAM
//
// `midwatch serve` with an inlet, on a port of its own. An alarm is posted, and its incident appears; the server is killed
// (as by a power cut), later ended (as by an upgrade), and started again each time, while the page stays open. The page says so
// calmly, keeps what it shows, comes back by itself with `Last-Event-ID`, and then shows what happened meanwhile: nothing is
// lost, and nothing stands there twice. Pictures lie in tests/artefacts/again afterwards.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const program = resolve(process.argv[2] ?? '../target/debug/midwatch');
const artefacts = join(dirname(fileURLToPath(import.meta.url)), 'artefacts', 'again');
/** A machine that does other things too is given time; milliseconds. */
const PATIENCE = Number(process.env.MIDWATCH_PATIENCE ?? 120_000);
const SECRET = '0123456789abcdef0123456789abcdef';

rmSync(artefacts, { recursive: true, force: true });
mkdirSync(artefacts, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), 'midwatch-again-'));
const began = Date.now();
const say = (what) => console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(7)} s  ${what}`);
const equal = (seen, expected, what) => {
  const [a, b] = [JSON.stringify(seen), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: expected ${b}, saw ${a}`);
};
const soon = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** A port that nobody has at this moment: the server must come back to the one that the page knows. */
const port = await new Promise((done) => {
  const taken = createServer().listen(0, '127.0.0.1', () => {
    const { port } = taken.address();
    taken.close(() => done(port));
  });
});
const root = `http://127.0.0.1:${port}/`;
writeFileSync(join(folder, 'secret'), SECRET);
writeFileSync(
  join(folder, 'midwatch.toml'),
  `[server]
listen = "127.0.0.1:${port}"
[telemetry]
grpc = "127.0.0.1:0"
http = "127.0.0.1:0"
[watch]
every = "200ms"
[notify]
terminal = false
[inlets.alerts]
kind = "alertmanager"
secret_file = "secret"
`,
);

let told = '';
let server;
async function serve() {
  server = spawn(program, ['serve', '--config', join(folder, 'midwatch.toml')], { cwd: folder });
  for (const stream of [server.stdout, server.stderr]) {
    stream.on('data', (piece) => {
      told += piece;
    });
  }
  const until = Date.now() + PATIENCE;
  for (;;) {
    const up = await fetch(`${root}healthz`).catch(() => null);
    if (up?.ok) return;
    if (Date.now() > until || server.exitCode !== null) throw new Error(`the server is not there:\n${told}`);
    await soon(100);
  }
}
async function end(signal) {
  const gone = new Promise((done) => server.on('close', done));
  server.kill(signal);
  await gone;
}
/** An alarm as Alertmanager posts it. */
async function fires(rule, service) {
  const alert = {
    status: 'firing',
    labels: { alertname: rule, service, severity: 'critical' },
    annotations: { summary: `${rule} on ${service}` },
    startsAt: new Date().toISOString(),
    endsAt: '0001-01-01T00:00:00Z',
    fingerprint: `${rule}-${service}`,
  };
  const answer = await fetch(`${root}v1/spaces/main/inlets/alerts`, {
    method: 'POST',
    headers: { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' },
    body: JSON.stringify({ version: '4', status: 'firing', receiver: 'midwatch', alerts: [alert] }),
  });
  equal(answer.status, 200, 'the inlet takes it');
}
const known = async () =>
  (await (await fetch(`${root}v1/spaces/main/incidents?all=true&limit=200`)).json()).items;

let failed = true;
let browser;
try {
  await serve();
  browser = await chromium.launch({
    executablePath: process.env.MIDWATCH_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-background-networking',
      '--disable-component-update',
      '--no-first-run',
    ],
  });
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const faults = [];
  page.on('pageerror', (error) => faults.push(`${error.name}: ${error.message}`));
  /** Under which id each stream was begun. */
  const streams = [];
  page.on('request', (request) => {
    if (new URL(request.url()).pathname === '/v1/events') {
      streams.push(request.headers()['last-event-id'] ?? '');
    }
  });
  const picture = (what) => page.screenshot({ path: join(artefacts, `${what}.png`) });
  const sees = (text, options = {}) => page.getByText(text, options).first().waitFor({ state: 'visible' });
  /** As many incidents as that, each once. */
  const shows = async (count) => {
    await page.waitForFunction((wanted) => document.querySelectorAll('.incident').length === wanted, count);
    const links = await page.locator('.incident .cover').evaluateAll((all) => all.map((one) => one.href));
    equal(new Set(links).size, count, 'incidents, each once');
  };

  await page.goto(root);
  await sees('live', { exact: true });
  await fires('errors', 'checkout');
  await shows(1);
  await picture('1-before');
  say('an incident appears in the open page');

  await end('SIGKILL');
  await sees('Connection lost.');
  await shows(1);
  await picture('2-killed');
  say('the server was killed: the page says so, and keeps what it shows');
  const before = streams.length;
  await serve();
  // Perhaps before the page is back, perhaps after: it must not matter.
  await fires('latency', 'search');
  await page.locator('.banner').waitFor({ state: 'detached' });
  await shows(2);
  equal(
    streams.slice(before).every((id) => /^\d+$/.test(id)),
    true,
    `resumed by id: ${streams}`,
  );
  await picture('3-back');
  say(`it came back by itself, from event ${streams.at(-1)}, and shows what happened meanwhile`);

  // On the page of one incident: what is written while nobody listens is there once, in its order.
  await page.locator('.incident .cover').first().click();
  await page.getByRole('heading', { name: /Timeline/ }).waitFor();
  await end('SIGTERM');
  await sees('Connection lost.');
  await picture('4-ended');
  await serve();
  const id = decodeURIComponent(new URL(page.url()).hash.split('/')[2]);
  await page.locator('.banner').waitFor({ state: 'detached' });
  await page.waitForFunction(
    async (path) => {
      const entries = (await (await fetch(path)).json()).items;
      const rows = [...document.querySelectorAll('[data-seq]')].map((row) => Number(row.dataset.seq));
      // What was read while looking is shown when it is wanted.
      const wanted = entries.filter(({ event }) => event.event !== 'looked');
      return wanted.every(({ seq }) => rows.includes(seq)) && new Set(rows).size === rows.length;
    },
    `/v1/spaces/main/incidents/${encodeURIComponent(id)}/timeline?limit=200`,
  );
  await page.goto(`${root}#/`);
  await shows(2);
  equal((await known()).length, 2, 'incidents in the journal');
  await picture('5-again');
  say('ended and started once more: the timeline holds every entry once');
  equal(faults, [], 'faults in the page');
  failed = false;
} catch (error) {
  console.log(`FAIL  ${error.message}`);
} finally {
  await browser?.close();
  if (server && server.exitCode === null) server.kill('SIGKILL');
  writeFileSync(join(artefacts, 'terminal.txt'), told);
  rmSync(folder, { recursive: true, force: true });
}
console.log(failed ? 'It failed.' : 'Nothing is lost, and nothing doubled.');
process.exit(failed ? 1 : 0);
