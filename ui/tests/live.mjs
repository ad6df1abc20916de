// The whole story on the real program: node tests/live.mjs PROGRAM
//
// Starts `midwatch demo` as a person at a terminal does (in a pseudo-terminal, by util-linux's `script`), opens the page
// that the program itself serves, sees three faults become one incident and a report, says yes in the page, sees it
// performed and verified, cuts the connection in between, looks at the map, and ends the program by Ctrl-C.
// Pictures and the program's own words lie in tests/artefacts/live afterwards.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const program = resolve(process.argv[2] ?? '../target/debug/midwatch');
const here = dirname(fileURLToPath(import.meta.url));
const artefacts = join(here, 'artefacts', 'live');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** A machine that does other things too is given time; milliseconds. */
const PATIENCE = Number(process.env.MIDWATCH_PATIENCE ?? 240_000);

rmSync(artefacts, { recursive: true, force: true });
mkdirSync(artefacts, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), 'midwatch-page-'));
const began = Date.now();
const say = (what) => console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(7)} s  ${what}`);
const equal = (seen, expected, what) => {
  const [a, b] = [JSON.stringify(seen), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: expected ${b}, saw ${a}`);
};

const healthy = process.env.MIDWATCH_HEALTHY ?? '20';
const command = `stty cols 200 2>/dev/null; exec ${program} demo --fast --healthy ${healthy} --patience 1800 --out ${join(folder, 'out')}`;
const demo = spawn('script', ['-qefc', command, '/dev/null'], { cwd: folder, stdio: 'pipe' });
let told = '';
for (const stream of [demo.stdout, demo.stderr]) {
  stream.on('data', (piece) => {
    told += piece;
  });
}
/** Its words without what colours them. */
const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]`, 'g');
const plain = () => told.replaceAll(ESCAPES, '');
const ended = new Promise((done) => demo.on('close', done));
/** What the program has printed, once it holds this. */
async function printed(pattern, within = PATIENCE) {
  const until = Date.now() + within;
  for (;;) {
    const found = pattern.exec(plain());
    if (found) return found;
    if (Date.now() > until || demo.exitCode !== null) {
      throw new Error(`the program did not print ${pattern}; its last words:\n${told.slice(-2000)}`);
    }
    await new Promise((done) => setTimeout(done, 100));
  }
}

let failed = true;
let browser;
try {
  const [, address] = await printed(/Watch it at\s+(http:\/\/127\.0\.0\.1:\d+\/\S*)/);
  const root = new URL('/', address).href;
  say(`the program names its page: ${root}`);
  browser = await chromium.launch({
    executablePath: process.env.MIDWATCH_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-background-networking',
      '--disable-component-update',
      '--use-angle=swiftshader',
      '--enable-unsafe-swiftshader',
      '--no-first-run',
    ],
  });
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const faults = [];
  const foreign = [];
  page.on('pageerror', (error) => faults.push(`${error.name}: ${error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    if (message.type() === 'error' && !text.startsWith('Failed to load resource')) faults.push(text);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(root)) foreign.push(request.url());
  });
  let pictures = 0;
  const picture = async (what, whole = true) => {
    pictures += 1;
    await page.screenshot({ path: join(artefacts, `${pictures}-${what}.png`), fullPage: whole });
  };
  const sees = (text, options = {}) => page.getByText(text, options).first().waitFor({ state: 'visible' });
  const accessible = async (where) => {
    if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
    const found = await page.evaluate(async () => {
      const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
      return violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).join(' | ')}`);
    });
    equal(found, [], `axe at ${where}`);
  };

  const first = await page.goto(address);
  equal(
    first?.headers()['content-security-policy']?.startsWith("default-src 'self'"),
    true,
    'the policy of the page',
  );
  if (address.includes('#/link/')) {
    // The link signs in once, and goes out of the address.
    await page.getByRole('heading', { name: 'Come in' }).waitFor();
    await picture('link', false);
    await accessible('a one-time link');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(`${root}#/`);
    say('signed in by the link that the program printed');
  }
  await sees('Nothing is broken that Midwatch knows of');
  await sees('live', { exact: true });
  say('the page is there before anything is broken');
  await picture('quiet');
  await accessible('Now, quiet');

  await page.locator('.incident .cover').first().waitFor();
  say('the incident appears by itself');
  await picture('opened', false);
  await page.locator('.incident .cover').first().click();
  await page.getByRole('heading', { name: 'Verdict' }).waitFor();
  await page.locator('.verdict > li').first().waitFor();
  say('the report is there');
  // Later alarms may lead to newer looks: three causes are what it comes to.
  await page.locator('.cause').nth(2).waitFor();
  await page.locator('.path svg .node').first().waitFor();
  await page.locator('.plot canvas').first().waitFor();
  await picture('report');
  await accessible('the report');
  await page.locator('.verdict .said').first().click();
  await page.locator('.piece summary').first().click();
  await page.locator('.piece[open] .query code').first().waitFor();
  await picture('evidence', false);
  await page.keyboard.press('Escape');
  const incident = decodeURIComponent(new URL(page.url()).hash.split('/')[2] ?? '');

  // The connection is lost while the plan waits, and comes back by itself.
  await context.setOffline(true);
  await page.evaluate(() => window.dispatchEvent(new Event('offline')));
  await context.setOffline(false);
  await page.evaluate(() => window.dispatchEvent(new Event('online')));
  await sees('live', { exact: true });

  await sees('waits for a yes');
  await page.getByRole('link', { name: 'See the plan, say yes or no' }).click();
  await sees('Perform this plan?');
  say('the plan waits for a yes');
  await picture('plan');
  await accessible('the plan');
  const described = await (await fetch(`${root}v1/openapi.json`)).json();
  const inPage = Object.keys(described.paths).some((path) => path.endsWith('/incidents/{id}/approve'));
  if (inPage) {
    await page.getByRole('button', { name: 'Approve …' }).click();
    await picture('question', false);
    await page.getByRole('button', { name: 'Yes, perform it' }).click();
    say('yes, said in the page');
  } else {
    demo.stdin.write('yes\n');
    say('yes, said at the terminal: this server takes no answers over HTTP');
  }
  await sees(/being performed|Every step is done/);
  await sees('Verification');
  await picture('verifying');
  await sees(/showed at .* that it worked/);
  say('verified');
  await picture('verified');
  await accessible('the verified plan');

  await page.goto(`${root}#/topology?incident=${incident}`);
  await page.locator('.map-place[data-ready]').waitFor({ state: 'attached' });
  await page.waitForTimeout(500);
  await picture('topology', false);
  await page.goto(`${root}#/learned`);
  await page.locator('main h1').waitFor();
  await printed(/until you press Ctrl-C/);
  await page.goto(`${root}#/`);
  await sees('Nothing is broken that Midwatch knows of');
  await page.setViewportSize({ width: 390, height: 844 });
  await picture('phone');
  say('it is over, and the page is still served');
  equal(foreign, [], 'requests to another host');
  equal(faults, [], 'faults in the console');
  failed = false;
} catch (error) {
  console.log(`FAIL  ${error.message}`);
} finally {
  await browser?.close();
  demo.stdin.write('\u0003');
  const code = await Promise.race([
    ended,
    new Promise((done) => setTimeout(() => done('still runs'), 60_000)),
  ]);
  say(`the program ended: ${code}`);
  if (code === 'still runs') demo.kill('SIGTERM');
  if (!failed && code !== 0) {
    failed = true;
    console.log(`FAIL  the program ended with ${code}`);
  }
  writeFileSync(join(artefacts, 'terminal.txt'), plain());
  rmSync(folder, { recursive: true, force: true });
}
console.log(failed ? 'It failed.' : 'The whole story holds on the real program.');
process.exit(failed ? 1 : 0);
