// What a person does, and what must be seen then. Each is run on a server and in a browser of its own.
import { HOSTILE } from './world.mjs';

const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
const THREE = 'inc-20261121-122740-91a2fb';
const INCIDENT = `#/incidents/${THREE}`;
const PLAN = `${INCIDENT}/plan`;

/** Waits until an element with that text is to be seen. */
const sees = (page, text, options = {}) =>
  page.getByText(text, options).first().waitFor({ state: 'visible' });
const role = (page, kind, name, exact = false) => page.getByRole(kind, { name, exact });
/** What has the focus. */
const focused = (page) => page.evaluate(() => document.activeElement?.textContent ?? '');
/** No part of the page reaches over the edge of the screen. */
const fits = async ({ page, equal }, where) => {
  const over = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  equal(over, 0, `${where}: pixels over the edge`);
};
/** Has everything arrived that is drawn later? */
const drawn = async (page) => {
  await page.locator('.path svg .node').first().waitFor();
  await page.locator('.plot canvas').first().waitFor();
};

export const stories = [
  {
    name: 'watch, approve, verified',
    server: { upTo: 1, pace: 150 },
    async walk({ page, world, open, picture, accessible, equal }) {
      await open();
      await sees(page, 'being looked at');
      await picture('opened');
      await page.locator('.incident .cover').click();
      await sees(page, 'There is no report yet.');
      world.tell(13);
      await sees(page, 'Reading logs');
      await picture('looking');
      world.tell(17);
      await sees(page, 'a setting that the program needs and no longer gets');
      world.tell(20);
      await sees(page, 'waits for a yes');
      equal(await page.locator('.verdict > li').count(), 5, 'lines of the verdict');
      equal(await page.locator('.cause').count(), 3, 'causes');
      await drawn(page);
      equal(await page.locator('.path .role-cause').count(), 3, 'causes on the path');
      equal(await page.locator('.plot canvas').count(), 6, 'series');
      await picture('incident');
      await accessible('the incident');

      await page.locator('.verdict .said').first().click();
      await role(page, 'heading', 'What this stands on').waitFor();
      await page.locator('.piece summary').first().click();
      await sees(page, 'Raw rows');
      equal(await page.locator('.piece[open] .query code').count(), 1, 'the query');
      await picture('evidence', false);
      await accessible('the evidence');
      await page.keyboard.press('Escape');
      await role(page, 'heading', 'What this stands on').waitFor({ state: 'detached' });
      equal(
        await page.evaluate(() => document.activeElement?.classList.contains('said')),
        true,
        'the focus is back at the sentence',
      );

      await role(page, 'link', 'See the plan, say yes or no').click();
      await sees(page, 'Perform this plan?');
      await picture('plan');
      await accessible('the plan');
      await role(page, 'button', 'Approve …').click();
      await sees(page, 'Say yes to exactly this?');
      await picture('question', false);
      await accessible('the question');
      await role(page, 'button', 'Yes, perform it').click();
      await sees(page, 'being performed');
      await sees(page, 'Verification');
      await picture('verifying');
      await sees(page, 'showed at 12:28:00 UTC that it worked');
      equal(await page.locator('.step .stands-good').count(), 3, 'steps that are done');
      equal(world.decisions, [{ what: 'approve', plan: world.digest, by: 'root' }], 'what was sent');
      await picture('verified');
      await accessible('the verified plan');
      await role(page, 'link', 'Learned').click();
      await sees(page, 'config.required-value-missing');
      await picture('learned');
      await accessible('what was learned');
      await role(page, 'link', 'Now').click();
      await sees(page, 'Nothing is broken that Midwatch knows of');
      await picture('quiet');
      await accessible('Now, quiet');
    },
  },
  {
    name: 'three spaces, one closed',
    server: {
      upTo: 20,
      accounts: { anna: { password: 'long enough for it', role: 'admin' } },
      spaces: [
        { id: 'main', closed: null },
        { id: 'payments', closed: null },
        {
          id: 'search',
          closed:
            'the space search could not be started: its journal is damaged (/d/spaces/search/midwatch.db); put it back from a backup. Then start the server again',
        },
      ],
    },
    async walk({ page, open, picture, accessible, equal }) {
      await open();
      await page.getByLabel('Name').fill('anna');
      await page.getByLabel('Password').fill('long enough for it');
      await page.keyboard.press('Enter');
      await sees(page, 'waits for a yes');
      const choice = page.getByLabel('Space');
      await choice.waitFor();
      equal(
        await choice.locator('option').allTextContents(),
        ['main', 'payments', 'search: closed'],
        'spaces',
      );
      await picture('main');
      await accessible('a house of spaces');
      // By keys alone, and the address remembers it.
      await page.keyboard.press('g');
      await page.keyboard.press('w');
      equal(await page.evaluate(() => document.activeElement?.tagName), 'SELECT', 'what has the focus');
      await page.keyboard.press('ArrowDown');
      await sees(page, 'Nothing is broken that Midwatch knows of');
      equal(await page.evaluate(() => location.hash), '#/spaces/payments/', 'the address');
      equal(await page.getByText('waits for a yes').count(), 0, 'what belongs to main');
      await picture('payments');
      await accessible('a quiet space');
      await page.reload();
      await sees(page, 'Nothing is broken that Midwatch knows of');
      equal(await choice.inputValue(), 'payments', 'the space after a reload');
      equal(
        await role(page, 'link', 'Topology').getAttribute('href'),
        '#/spaces/payments/topology',
        'where a link leads',
      );
      // An incident of main is not there under another space's name, whatever was read before.
      await open(`#/spaces/payments/incidents/${THREE}`);
      await sees(page, 'Not found');
      await choice.selectOption('search');
      await sees(page, 'Nobody keeps watch over search');
      await sees(page, 'its journal is damaged');
      await picture('closed');
      await accessible('a closed space');
      await choice.selectOption('main');
      await sees(page, 'waits for a yes');
      equal(await page.evaluate(() => location.hash), '#/', 'the address of main');
      await page.setViewportSize(PHONE.viewport);
      await fits({ page, equal }, 'a phone');
      await picture('phone', false);
    },
  },
  {
    name: 'one space, nothing to choose',
    async walk({ page, open, equal }) {
      await open();
      await sees(page, 'waits for a yes');
      await page.keyboard.press('?');
      equal(await page.locator('.space').count(), 0, 'choices of a space');
      equal(await page.locator('.help dt').filter({ hasText: 'g then w' }).count(), 0, 'keys for it');
    },
  },
  {
    name: 'refused by a person',
    async walk({ page, world, open, picture, equal }) {
      await open(PLAN);
      await role(page, 'button', 'Refuse …').click();
      // Without a reason it is not sent.
      await role(page, 'button', 'No, refuse it').click();
      equal(world.decisions, undefined, 'nothing is sent without a reason');
      await page.getByLabel(/^Why\?/).fill('the deploy is mine, I roll it back by hand');
      await picture('why', false);
      await role(page, 'button', 'No, refuse it').click();
      await sees(page, 'root said no: the deploy is mine, I roll it back by hand.');
      equal(await page.locator('.decide').count(), 0, 'nothing to decide any more');
      equal(world.decisions?.[0]?.what, 'refuse', 'what was sent');
      await picture('refused');
      await page.keyboard.press('u');
      await sees(page, 'plan refused');
    },
  },
  {
    name: 'refused by the gate',
    server: { policy: 'Between 02:00 and 04:00 nobody may alter the ledger (night-freeze).' },
    async walk({ page, open, picture, accessible, equal }) {
      await open(PLAN);
      await role(page, 'button', 'Approve …').click();
      await role(page, 'button', 'Yes, perform it').click();
      await sees(page, 'night-freeze');
      equal(await page.locator('.step .stands-good').count(), 0, 'steps that are done');
      await picture('told');
      await accessible('a refusal');
    },
  },
  {
    name: 'a server that only reads',
    server: { readsOnly: true, doctor: false },
    async walk({ page, open, picture, accessible }) {
      await open();
      await sees(page, 'it does its work');
      await open(PLAN);
      await role(page, 'button', 'Approve …').click();
      await role(page, 'button', 'Yes, perform it').click();
      await sees(page, 'This server takes no answers over HTTP');
      await sees(page, `midwatch approve ${THREE} --plan 95165cd66211`);
      await picture('told', false);
      await accessible('a server that only reads');
    },
  },
  {
    name: 'the plan changes while it is read',
    async walk({ page, world, open, picture, accessible, equal }) {
      await open(PLAN);
      await role(page, 'button', 'Approve …').click();
      await sees(page, 'Say yes to exactly this?');
      world.replacePlan();
      await sees(page, 'There is a newer plan.');
      equal(await page.locator('dialog[open]').count(), 0, 'the question is taken back');
      equal(await page.locator('.decide').count(), 0, 'the old plan cannot be approved');
      equal(await page.locator('.step').count(), 3, 'the old plan is still shown');
      await picture('newer', false);
      await accessible('a newer plan');
      await role(page, 'button', 'Show the newer plan').click();
      equal(await page.locator('.step').count(), 2, 'steps of the newer plan');
      await role(page, 'button', 'Approve …').click();
      await role(page, 'button', 'Yes, perform it').click();
      await page.locator('dialog[open]').waitFor({ state: 'detached' });
      equal(
        world.decisions,
        [{ what: 'approve', plan: 'f'.repeat(64), by: 'root' }],
        'the newer plan is what was sent',
      );
    },
  },
  {
    name: 'sign-in, roles and the token',
    server: {
      accounts: {
        vera: { password: 'watch', role: 'viewer' },
        otto: { password: 'act', role: 'approver' },
      },
      pace: 20,
    },
    async walk({ page, world, open, picture, accessible, equal }) {
      await open(PLAN);
      await role(page, 'button', 'Sign in').waitFor();
      await picture('asked');
      await accessible('sign-in');
      const enter = async (name, password) => {
        await page.getByLabel('Name').fill(name);
        await page.getByLabel('Password').fill(password);
        await role(page, 'button', 'Sign in').click();
      };
      await enter('vera', 'guess');
      await sees(page, 'The name or the password is wrong.');
      equal(await page.getByLabel('Password').inputValue(), '', 'a wrong password is not kept');
      await enter('vera', 'watch');
      await sees(page, 'You are signed in as viewer: an approver must answer.');
      equal(await role(page, 'button', 'Approve …').isDisabled(), true, 'a viewer cannot say yes');
      await role(page, 'button', 'Sign out').click();
      await enter('otto', 'act');
      await role(page, 'button', 'Approve …').click();
      await sees(page, 'It is written down in the name of otto.');
      await role(page, 'button', 'Yes, perform it').click();
      await sees(page, /showed at .* that it worked/);
      equal(world.decisions, [{ what: 'approve', plan: world.digest, by: 'otto' }], 'who said yes');
    },
  },
  {
    name: 'sign-in by a provider',
    server: {
      accounts: { vera: { password: 'watch', role: 'viewer' } },
      provider: { label: 'Company account', address: '/oidc?code=c0de&state=st4te' },
    },
    async walk({ page, open, picture, accessible, equal }) {
      await open('#/');
      await role(page, 'button', 'Company account').waitFor();
      await picture('asked');
      await accessible('sign-in by a provider');
      await role(page, 'button', 'Company account').click();
      await sees(page, 'One incident waits for a person');
      await sees(page, 'oidc:ada');
      const now = new URL(page.url());
      equal(`${now.pathname}${now.search}${now.hash}`, '/#/', 'the code is out of the address');
      await role(page, 'button', 'Sign out').click();
      // Whoever brings a code of their own is not signed in by it: this tab began nothing.
      await page.goto(`${now.origin}/oidc?code=c0de&state=st4te`);
      await sees(page, 'none of your groups has a role here');
      equal(new URL(page.url()).search, '', 'the code is out of the address');
      await page.goto(`${now.origin}/oidc?error=access_denied&error_description=%3Cb%3Ecall%20us%3C/b%3E`);
      await sees(page, 'The provider did not let you in');
      equal(await page.getByText('call us').count(), 0, 'nothing else of the address is shown');
      await picture('refused');
      await accessible('refused by a provider');
    },
  },
  {
    name: 'a one-time link makes the first account',
    server: {
      accounts: {},
      links: {
        'f1rst-t0ken': { kind: 'setup', role: 'admin' },
        'c0me-in': { kind: 'sign_in', name: 'ada', role: 'admin' },
      },
    },
    async walk({ page, open, picture, accessible, equal }) {
      await open('#/link/setup/f1rst-t0ken');
      await role(page, 'heading', 'The first account').waitFor();
      await page.getByLabel('Name').fill('ada');
      await page.getByLabel('Password').fill('a few easy words');
      await picture('asked', false);
      await accessible('a one-time link');
      await role(page, 'button', 'Make the account').click();
      await sees(page, 'One incident waits for a person');
      equal(new URL(page.url()).hash, '#/', 'the token is out of the address');
      await sees(page, 'ada');
      await role(page, 'button', 'Sign out').click();
      await role(page, 'button', 'Sign in').waitFor();
      await open('#/link/setup/f1rst-t0ken');
      await page.getByLabel('Name').fill('eve');
      await page.getByLabel('Password').fill('another few words');
      await role(page, 'button', 'Make the account').click();
      await sees(page, 'the link was used, or has ended');
      await picture('used', false);
      await open('#/link/sign_in/c0me-in');
      await role(page, 'button', 'Sign in').click();
      await sees(page, 'One incident waits for a person');
    },
  },
  {
    name: 'a person disagrees',
    async walk({ page, world, open, picture, accessible, equal }) {
      await open(INCIDENT);
      await role(page, 'group', 'Was it').first().waitFor();
      await page.locator('.judge').nth(1).getByRole('button', { name: 'It was not' }).click();
      await sees(page, 'root says: it was not');
      equal(world.deeds, [{ what: 'judge', cause: 2, right: false, by: 'root' }], 'what was sent');
      await page.getByText('It was something else').click();
      await page.getByLabel('Where it was').fill('gateway/router');
      await page.getByLabel('What it was').fill('tls.certificate-expird');
      await role(page, 'button', 'None of these: it was that').click();
      await sees(page, 'did you mean tls.certificate-expired?');
      await picture('mistyped', false);
      await page.getByLabel('What it was').fill('tls.certificate-expired');
      await role(page, 'button', 'None of these: it was that').click();
      await sees(page, 'it was tls.certificate-expired on gateway/router');
      equal(await page.locator('.judge .stands-ask').count(), 3, 'all causes are marked as wrong');
      await role(page, 'button', 'Look again').click();
      await sees(page, 'root wants a fresh look');
      equal(world.deeds.at(-1), { what: 'look', by: 'root' }, 'a look is asked for');
      equal(await role(page, 'button', 'Look again').isDisabled(), true, 'not twice');
      await page.getByText('It belongs with another').click();
      await page.getByLabel('With which incident').fill(world.incidents[1].id);
      await page.getByRole('textbox', { name: 'Why', exact: true }).first().fill('the same deploy');
      await role(page, 'button', 'Link them').click();
      await sees(page, 'root: the same deploy');
      await page.getByLabel('What did this look see differently from').selectOption({ index: 1 });
      await sees(page, 'resource.concurrency-limit, confirmed 0.99');
      await page.locator('[data-part="People"]').scrollIntoViewIfNeeded();
      await picture('said', false);
      await accessible('what people said');
    },
  },
  {
    name: 'set-up: policy, people, keys, channels',
    server: {
      accounts: { ada: { password: 'act', role: 'admin' }, vera: { password: 'watch', role: 'viewer' } },
      open: true,
    },
    async walk({ page, world, open, picture, accessible, equal }) {
      await open('#/setup');
      await sees(page, 'Everybody on this machine may read, nobody is known.');
      await role(page, 'link', 'Sign in').click();
      await page.getByLabel('Name').fill('ada');
      await page.getByLabel('Password').fill('act');
      await role(page, 'button', 'Sign in').click();
      await sees(page, 'One incident waits for a person');
      await open('#/setup');
      await page.getByLabel('Under the policy').selectOption('observer');
      await role(page, 'button', 'Ask the gate').click();
      await sees(page, 'it would be refused');
      await page.getByLabel('Under the policy').selectOption('');
      await page.getByLabel('With the yes of').fill('root');
      await role(page, 'button', 'Ask the gate').click();
      await sees(page, 'it would be performed');
      await page.getByLabel('Role of vera').selectOption('responder');
      await page.getByText('Invite somebody').click();
      await role(page, 'button', 'Make a link').click();
      await sees(page, /link\/invitation\/t0ken/);
      await page.getByText('Make a key').click();
      await page.getByLabel('What is it for').fill('dashboards');
      await role(page, 'button', 'Make it').click();
      await sees(page, 'mw_k1_5ecret');
      await sees(page, 'the signature in x-hub-signature-256 does not hold');
      await page.getByText('What was posted to alerts').click();
      const posted = page.getByRole('link', { name: '12:27:40 UTC' });
      await posted.waitFor();
      const [text] = await Promise.all([page.waitForEvent('popup'), posted.click()]);
      await text.getByText('"<b>bold</b>"').waitFor();
      await text.close();
      await sees(page, '2 told, 3 waiting, 1 given up');
      await sees(page, 'Since 12:20:11 UTC, 3 tries');
      await sees(page, 'untried');
      await role(page, 'button', 'Send a test through pagerduty.main').click();
      await sees(page, 'pagerduty.main could not be told: events.pagerduty.com answered 403.');
      await role(page, 'button', 'Send a test through slack.ops').click();
      await sees(page, 'slack.ops was told that this is a test');
      await page.getByText('1 is over').click();
      await sees(page, 'ended by bob at 11:30:00 UTC');
      await page.getByText('Keep something quiet').click();
      await page.getByLabel('Alarms of the rule').fill('ledger-latency');
      await page.getByRole('textbox', { name: 'Why', exact: true }).fill('load test');
      await role(page, 'button', 'Silence it').click();
      await sees(page, 'it is quiet');
      equal(
        world.deeds.map((deed) => deed.what),
        ['PUT people roles', 'POST invitations', 'POST keys', 'silence'],
        'what was done',
      );
      await picture('whole');
      await accessible('set-up as an admin');
      await page.getByLabel('Look').selectOption('dark');
      await accessible('set-up as an admin, dark');
      await page.setViewportSize(PHONE.viewport);
      await fits({ page, equal }, 'set-up');
      await picture('phone');
    },
  },
  {
    name: 'a recording is sent and investigated',
    async walk({ page, world, open, accessible, equal }) {
      await open('#/setup');
      await sees(page, 'checkout is slow in the pet shop');
      await page.getByText('Send a recording').click();
      await page.getByLabel('A packed recording').setInputFiles({
        name: 'Black Friday (1).tar.zst',
        mimeType: 'application/zstd',
        buffer: Buffer.from('12345678'),
      });
      await role(page, 'button', 'Send it').click();
      await sees(page, 'sent just now');
      equal(world.recordings.at(-1).name, 'black-friday-1', 'its name is one that the server takes');
      await role(page, 'button', /^Investigate it.*black-friday-1$/).click();
      await sees(page, 'being investigated, step 3: reading logs');
      await sees(page, 'Its report of black-friday-1');
      await accessible('recordings');
      await role(page, 'button', /^Remove it.*petshop$/).click();
      await page.getByText('checkout is slow in the pet shop').waitFor({ state: 'detached' });
    },
  },
  {
    name: 'the pictures of the guide',
    async walk({ page, open, picture }) {
      await open();
      await sees(page, 'waits for a yes');
      await sees(page, 'keeps watch');
      await picture('now', false);
      await open(INCIDENT);
      await drawn(page);
      await picture('incident', false);
      await open(PLAN);
      await sees(page, 'Perform this plan?');
      await picture('plan', false);
      await open('#/setup');
      await sees(page, 'What would happen if');
      await picture('setup', false);
    },
  },
  {
    name: 'the topology',
    async walk({ page, open, picture, accessible, equal }) {
      await open('#/topology');
      await page.locator('.map-place[data-ready] canvas').first().waitFor({ state: 'attached' });
      await sees(page, 'an alarm fires');
      await picture('whole', false);
      await accessible('the topology');
      await page.getByRole('searchbox').fill('ledger-reader');
      await page.keyboard.press('Enter');
      await page.locator('#one-title').waitFor();
      await sees(page, 'Leaned on by');
      equal(await focused(page), await page.locator('#one-title').innerText(), 'the focus follows');
      await picture('one', false);
      await accessible('one entity');
      // From neighbour to neighbour by the keyboard alone.
      await page.locator('.neighbours button').first().focus();
      const next = await page.locator('.neighbours button').first().innerText();
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: next, exact: true }).waitFor();
      await open(INCIDENT);
      await drawn(page);
      await role(page, 'link', 'on the map, among the rest').click();
      await sees(page, 'lit: how failure spread');
      await page.locator('.map-place[data-ready]').waitFor({ state: 'attached' });
      await page.waitForTimeout(300);
      await picture('lit', false);
      await page.getByLabel('Look').selectOption('dark');
      await page.waitForTimeout(500);
      await picture('dark', false);
      await accessible('the topology, dark');
      await page.setViewportSize(PHONE.viewport);
      await page.waitForTimeout(300);
      await picture('phone');
      await fits({ page, equal }, 'the topology');
    },
  },
  {
    name: 'ten thousand entities',
    server: { entities: 10_000 },
    clock: false,
    async walk({ page, open, picture, accessible, equal, note }) {
      // The longest that the page was deaf, from the first byte on.
      await page.addInitScript(() => {
        window.__long = [];
        new PerformanceObserver((list) => {
          for (const one of list.getEntries()) window.__long.push(one.duration);
        }).observe({ type: 'longtask', buffered: true });
      });
      // How busy the machine is: a fixed piece of work, against what it takes when nothing else is done.
      await open('#/nowhere');
      const busy = await page.evaluate(() => {
        const from = performance.now();
        const numbers = Float64Array.from({ length: 1_500_000 }, (_, n) => Math.sin(n * 7.31));
        numbers.sort();
        return performance.now() - from;
      });
      const slow = Math.max(1, busy / 250);
      note('topology, 10,000 entities: times slower than an idle machine', Number(slow.toFixed(1)));
      const began = Date.now();
      await open('#/topology');
      await page.locator('.map-place[data-ready]').waitFor({ state: 'attached', timeout: 60_000 });
      note('topology, 10,000 entities: ms until the map is there', Date.now() - began);
      await sees(page, '10,000 entities');
      await picture('far', false);
      const frames = () =>
        page.evaluate(
          () =>
            new Promise((done) => {
              const times = [];
              let last = performance.now();
              const step = (now) => {
                times.push(now - last);
                last = now;
                if (times.length < 90) requestAnimationFrame(step);
                else {
                  times.sort((a, b) => a - b);
                  done({
                    median: Math.round(times[45]),
                    p95: Math.round(times[85]),
                    most: Math.round(times[89]),
                  });
                }
              };
              requestAnimationFrame(step);
            }),
        );
      const box = await page.locator('.map-place').boundingBox();
      const [x, y] = [box.x + box.width * 0.28, box.y + box.height * 0.29];
      // Into a neighbourhood, then dragged to and fro while frames are counted.
      await page.mouse.move(x, y);
      for (let turn = 0; turn < 7; turn += 1) {
        await page.mouse.wheel(0, -300);
        await page.waitForTimeout(120);
      }
      await page.waitForTimeout(600);
      await picture('near', false);
      const counted = frames();
      await page.mouse.down();
      for (let step = 0; step < 30; step += 1) {
        await page.mouse.move(x + 160 * Math.sin(step / 4), y + 90 * Math.cos(step / 5));
        await page.waitForTimeout(16);
      }
      await page.mouse.up();
      const seen = await counted;
      note('topology, 10,000 entities: ms a frame while it is dragged', seen);
      const typed = Date.now();
      await page.getByRole('searchbox').fill('ledger-store');
      await sees(page, /^\d+ found$/);
      note('topology, 10,000 entities: ms until a search has answered', Date.now() - typed);
      await page.keyboard.press('Enter');
      await page.locator('#one-title').waitFor();
      await page.waitForTimeout(500);
      await picture('found', false);
      await accessible('ten thousand entities');
      const deaf = Math.round(Math.max(0, ...(await page.evaluate(() => window.__long))));
      note('topology, 10,000 entities: ms of the longest task', deaf);
      // Without a graphics card; a freeze would be seconds.
      equal(seen.median < 120 * slow, true, `frames of ${seen.median} ms`);
      equal(deaf < 1500 * slow, true, `deaf for ${deaf} ms`);
      equal((await page.locator('.entities tbody tr').count()) <= 260, true, 'rows that are drawn');
    },
  },
  {
    name: 'on a phone',
    context: { ...PHONE, colorScheme: 'dark' },
    server: { pace: 100 },
    async walk(tools) {
      const { page, open, picture, accessible, equal } = tools;
      await open();
      await sees(page, 'waits for a yes');
      await fits(tools, 'Now');
      await picture('now', false);
      await accessible('Now on a phone');
      await page.locator('.incident .cover').tap();
      await drawn(page);
      await fits(tools, 'the incident');
      await picture('incident', false);
      await role(page, 'button', 'Series', true).tap();
      await picture('series', false);
      await page.locator('.verdict .said').first().tap();
      await role(page, 'heading', 'What this stands on').waitFor();
      await fits(tools, 'the evidence');
      await picture('evidence', false);
      await accessible('the evidence on a phone');
      await role(page, 'button', 'Close Esc').tap();
      await role(page, 'link', 'See the plan, say yes or no').tap();
      await sees(page, 'Perform this plan?');
      await fits(tools, 'the plan');
      await picture('plan', false);
      await role(page, 'button', 'Approve …').tap();
      await picture('question', false);
      await role(page, 'button', 'Yes, perform it').tap();
      await sees(page, /showed at .* that it worked/);
      await fits(tools, 'the verified plan');
      await picture('verified');
      for (const [place, title] of [
        ['Ask', 'Ask how things stand'],
        ['Learned', 'What was learned'],
        ['Set-up', 'Set-up'],
      ]) {
        await role(page, 'link', place, true).tap();
        await role(page, 'heading', title, true).waitFor();
        await fits(tools, place);
        await picture(place.toLowerCase(), false);
        await accessible(`${place} on a phone`);
      }
      const small = await page.evaluate(
        () =>
          [...document.querySelectorAll('.rail nav a, .decide button')].filter(
            (one) => one.getBoundingClientRect().height < 40,
          ).length,
      );
      equal(small, 0, 'things too small for a thumb');
    },
  },
  {
    name: 'keyboard only',
    server: { pace: 40 },
    async walk({ page, open, picture, equal }) {
      const press = async (...keys) => {
        for (const key of keys) await page.keyboard.press(key);
      };
      const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '');
      await open();
      await sees(page, 'waits for a yes');
      await press('Tab');
      equal(await focused(), 'Skip to the content', 'what Tab reaches first');
      await press('j');
      const outline = await page.evaluate(
        () => getComputedStyle(document.activeElement, '::after').outlineStyle,
      );
      equal(outline, 'solid', 'the focus is to be seen');
      await picture('focus', false);
      await press('j', 'k', 'Enter');
      await role(page, 'heading', 'Verdict').waitFor();
      await press('?');
      await role(page, 'heading', 'Keys').waitFor();
      await picture('help', false);
      await press('Escape');
      await page.locator('.verdict .said').first().waitFor();
      await press('j', 'Enter');
      await role(page, 'heading', 'What this stands on').waitFor();
      equal(await focused(), 'What this stands on', 'the focus follows to the evidence');
      await press('Escape');
      await press('p');
      await sees(page, 'Perform this plan?');
      for (let tries = 0; tries < 40 && (await focused()) !== 'Approve …'; tries += 1) await press('Tab');
      equal(await focused(), 'Approve …', 'Tab reaches the yes');
      await press('Enter');
      await sees(page, 'Say yes to exactly this?');
      for (let tries = 0; tries < 10 && (await focused()) !== 'Yes, perform it'; tries += 1)
        await press('Tab');
      await press('Enter');
      await sees(page, /showed at .* that it worked/);
      await press('u');
      await role(page, 'heading', 'Verdict').waitFor();
      await press('g', 'l');
      await role(page, 'heading', 'What was learned').waitFor();
      await press('g', 's');
      await role(page, 'heading', 'Set-up').waitFor();
      await press('/');
      await role(page, 'heading', 'Ask how things stand').waitFor();
      // In a field letters are letters.
      await page.keyboard.type('gn?');
      equal(await page.locator('#question').inputValue(), 'gn?', 'letters typed into a field');
      await press('Tab', 'Tab');
      await press('g', 'n');
      await sees(page, 'Nothing is broken that Midwatch knows of');
      // They can be switched off.
      await press('?');
      await page.getByLabel('Single keys do something').uncheck();
      await press('Escape');
      await press('g', 'l');
      await page.waitForTimeout(200);
      equal(
        await page.locator('main h1').innerText(),
        'Nothing is broken that Midwatch knows of',
        'keys are off',
      );
    },
  },
  {
    name: 'the connection is lost and comes back',
    server: { upTo: 17, pace: 40 },
    async walk({ page, server, world, open, picture, accessible, equal }) {
      await open(INCIDENT);
      await drawn(page);
      await sees(page, 'live', { exact: true });
      world.tell(20);
      await sees(page, 'waits for a yes');
      // The other pages are fetched once the first one stands.
      await page.waitForTimeout(2500);
      const events = world.events.length;
      server.lose();
      await sees(page, 'Connection lost.');
      await sees(page, /What is shown is as of 12:2\d:\d\d UTC, .* ago/);
      equal(await page.locator('.verdict > li').count(), 5, 'what was read stays');
      await picture('lost', false);
      await accessible('a lost connection');
      // A page that was not read before cannot be shown: it says so.
      await page.keyboard.press('g');
      await page.keyboard.press('s');
      await page.locator('main .trouble').first().waitFor();
      await picture('unread', false);
      await page.keyboard.press('u');
      world.tell(30);
      server.regain();
      await role(page, 'button', 'Try now').click();
      await page.locator('.banner').waitFor({ state: 'detached' });
      equal(world.resumedFrom, events, 'the stream goes on after the last event that was seen');
      await sees(page, 'verifying');
      world.tell(38);
      await sees(page, 'Nothing is broken that Midwatch knows of');
    },
  },
  {
    name: 'two tabs, one stream',
    server: { upTo: 13 },
    async walk({ page, server, world, open, equal }) {
      await open(INCIDENT);
      await sees(page, 'live', { exact: true });
      const other = await page.context().newPage();
      await other.goto(`${server.url}${INCIDENT}`);
      await sees(other, 'live', { exact: true });
      equal(world.streams.size, 1, 'streams with two tabs');
      world.tell(17);
      for (const tab of [page, other]) await role(tab, 'heading', 'Verdict').waitFor();
      await page.close();
      world.tell(20);
      await sees(other, 'waits for a yes');
      equal(world.streams.size, 1, 'streams after the first tab was closed');
      world.add({ event: 'refused', plan: world.digest, by: 'otto', why: 'another tab' });
      await sees(other, 'plan refused');
    },
  },
  {
    name: 'text is only ever text',
    server: { hostile: true },
    async walk({ page, world, open, picture, equal }) {
      const harmless = async (where) => {
        const harm = await page.evaluate(() => ({
          ran: Boolean(window.__harmed),
          images: document.querySelectorAll('img[src="x"]').length,
          scripts: [...document.scripts].filter((one) => one.textContent).length,
        }));
        equal(harm, { ran: false, images: 0, scripts: 0 }, where);
      };
      await open();
      await sees(page, HOSTILE);
      await harmless('Now');
      await open(INCIDENT);
      await drawn(page);
      await harmless('the incident');
      await page.locator('.verdict .said').first().click();
      for (const piece of await page.locator('.piece summary').all()) await piece.click();
      await page.locator('.rows pre').first().waitFor();
      await harmless('the evidence');
      equal(
        (await page.locator('.piece[open] .query code').first().innerText()).includes('<script>'),
        true,
        'marks are shown',
      );
      await picture('evidence', false);
      await open(PLAN);
      await role(page, 'button', 'Approve …').click();
      await harmless('the plan');
      await page.keyboard.press('Escape');
      await open(`#/ask?q=${encodeURIComponent('errors in the last 2 minutes')}`);
      await page.locator('.answers summary').first().waitFor();
      await harmless('an answer');
      await open('#/setup');
      await page.locator('.mechanisms summary').first().click();
      await harmless('the set-up');
      world.tell(38);
      await open('#/learned');
      await page.locator('.area li').first().waitFor();
      await harmless('what was learned');
      await open(`#/incidents/${encodeURIComponent(HOSTILE)}?show=${encodeURIComponent(HOSTILE)}`);
      await sees(page, 'No such incident');
      await harmless('an address');
    },
  },
  {
    name: 'ask, light and dark',
    async walk({ page, world, open, picture, accessible, equal }) {
      await open('#/ask');
      await page.locator('#question').fill('latency router');
      await page.locator('#question').fill('errors in the last 2 minutes');
      await page.keyboard.press('Enter');
      await sees(page, 'Understood: which calls failed from 2026-11-21 12:25:41 UTC');
      await page.locator('.answers summary').first().click();
      await page.locator('#question').fill('sing me a song');
      await role(page, 'button', 'Ask', true).click();
      await sees(page, 'Not understood.');
      equal(world.asked, ['errors in the last 2 minutes', 'sing me a song'], 'what was asked');
      await picture('light');
      await accessible('answers, light');
      await page.getByLabel('Look').selectOption('dark');
      await picture('dark');
      await accessible('answers, dark');
      await page.reload();
      equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark', 'the choice is kept');
      for (const [name, hash] of [
        ['now', '#/'],
        ['incident', INCIDENT],
        ['plan', PLAN],
        ['setup', '#/setup'],
        ['learned', '#/learned'],
      ]) {
        await open(hash);
        await page.locator('main h1').waitFor();
        if (name === 'incident') await drawn(page);
        await picture(`dark-${name}`);
        await accessible(`${name}, dark`);
      }
    },
  },
  {
    name: 'a report that does not know, and one without a path',
    async walk({ page, world, open, picture, accessible }) {
      for (const one of world.incidents.slice(1)) {
        await open(`#/incidents/${one.id}`);
        await role(page, 'heading', 'Verdict').waitFor();
        await page.locator('.plot canvas').first().waitFor();
        await picture(one.id.slice(0, 12));
        await accessible(one.id);
        await open(`#/incidents/${one.id}/plan`);
        await role(page, 'heading', 'There is no plan').waitFor();
      }
      await open('#/nowhere');
      await sees(page, 'There is nothing at this address');
    },
  },
  {
    name: 'two hundred closed incidents, and a server that tells less',
    server: { many: 200, lessons: false },
    async walk({ page, world, open, equal }) {
      world.tell(38);
      const before = Date.now();
      await open('#/learned');
      await page.locator('.history tbody tr').nth(203).waitFor();
      await sees(page, 'So that it does not happen again');
      await page.locator('.area li').first().waitFor();
      equal(Date.now() - before < 10_000, true, 'shown within ten seconds');
    },
  },
];
