// Walks the page in a real browser: node tests/browser.mjs [NAME...]
//
// Needs `npm run build` first, and a Chromium: /usr/bin/chromium (Debian), or what MIDWATCH_CHROMIUM names.
// Pictures of what was seen lie in tests/artefacts afterwards; look at them.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { start } from './server.mjs';
import { stories } from './stories.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const artefacts = join(here, 'artefacts');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Shortly after the captured incident: what is shown is then as old as it was. */
const NOON = new Date('2026-11-21T12:27:46Z');
const WIDE = { viewport: { width: 1440, height: 900 } };

const wanted = process.argv.slice(2);
if (wanted.length === 0) rmSync(artefacts, { recursive: true, force: true });
mkdirSync(artefacts, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.MIDWATCH_CHROMIUM ?? '/usr/bin/chromium',
  // Root has no sandbox here; and a test asks nobody outside.
  args: [
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    '--disable-background-networking',
    // The map is drawn by WebGL, here without a graphics card.
    '--use-angle=swiftshader',
    '--enable-unsafe-swiftshader',
    '--disable-component-update',
    '--no-first-run',
    '--no-default-browser-check',
  ],
});

let failed = 0;
const notes = {};
for (const {
  name,
  server: serverOptions = {},
  context: contextOptions = {},
  quiet = true,
  clock = true,
  walk,
} of stories) {
  if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) continue;
  const began = Date.now();
  const server = await start(serverOptions);
  const context = await browser.newContext({ ...WIDE, reducedMotion: 'reduce', ...contextOptions });
  const page = await context.newPage();
  page.setDefaultTimeout(Number(process.env.MIDWATCH_PATIENCE ?? 30_000));
  const faults = [];
  const foreign = [];
  page.on('pageerror', (error) => faults.push(`${error.name}: ${error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    // A refused or missing answer is told to the console by the browser itself; what the page does with it is tested.
    if (message.type() === 'error' && !text.startsWith('Failed to load resource')) faults.push(text);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(server.url)) foreign.push(request.url());
  });
  let pictures = 0;
  const slug = name.replaceAll(/[^a-z0-9]+/gi, '-').toLowerCase();
  const tools = {
    page,
    server,
    world: server.world,
    open: (hash = '#/') => page.goto(server.url + hash),
    picture: async (what, whole = true) => {
      pictures += 1;
      const path = join(artefacts, `${slug}-${pictures}-${what}.png`);
      await page.screenshot({ path, fullPage: whole });
    },
    /** axe, with every rule for WCAG 2.2 AA and its best practices. */
    accessible: async (where) => {
      if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
      const found = await page.evaluate(async () => {
        const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
        return violations.map(
          (v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join(' | ')}`,
        );
      });
      if (found.length > 0) throw new Error(`axe at ${where}:\n  ${found.join('\n  ')}`);
    },
    /** Figures that a story measured; they are kept beside the pictures. */
    note: (name, value) => {
      notes[name] = value;
      writeFileSync(join(artefacts, 'figures.json'), `${JSON.stringify(notes, null, 2)}\n`);
    },
    equal: (seen, expected, what) => {
      const [a, b] = [JSON.stringify(seen), JSON.stringify(expected)];
      if (a !== b) throw new Error(`${what}: expected ${b}, saw ${a}`);
    },
  };
  try {
    // A story that measures time lets the browser's own clock run.
    if (clock) await page.clock.install({ time: NOON });
    // The page's own rules forbid foreign scripts; axe is put in past them, by the browser's own door.
    await walk(tools);
    tools.equal(foreign, [], 'requests to another host');
    if (quiet) tools.equal(faults, [], 'faults in the console');
    console.log(`ok    ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    await tools.picture('failed').catch(() => undefined);
    console.log(`FAIL  ${name}\n      ${String(error.message).replaceAll('\n', '\n      ')}`);
    if (faults.length > 0) console.log(`      console: ${faults.join('\n      ')}`);
  } finally {
    await context.close();
    await server.stop();
  }
}
await browser.close();
console.log(failed === 0 ? 'All stories hold.' : `${failed} failed.`);
process.exit(failed === 0 ? 0 : 1);
