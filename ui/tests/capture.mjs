// Writes tests/fixtures from the real program, so that the page is tested on what it will really be given.
//
//   midwatch demo --yes --fast --healthy 30 --out DIR
//   node tests/capture.mjs PROGRAM DIR RECORDINGS
//
// PROGRAM is a midwatch, DIR the folder that the demonstration wrote, RECORDINGS the bundled ones. Answers of `ask`,
// `doctor` and `stats` need a server that runs: they are kept as `midwatch ask ... --format json` printed them.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [program, folder, recordings] = process.argv.slice(2);
if (!program || !folder || !recordings) {
  console.error('usage: node tests/capture.mjs PROGRAM DIR RECORDINGS');
  process.exit(2);
}
const here = join(dirname(fileURLToPath(import.meta.url)), 'fixtures');
const write = (name, value) => writeFileSync(join(here, name), `${JSON.stringify(value)}\n`);

/** What a command printed, though its exit code tells the verdict. */
function said(...args) {
  const options = { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] };
  try {
    return JSON.parse(execFileSync(program, args, options));
  } catch (error) {
    if (error.stdout) return JSON.parse(error.stdout);
    throw error;
  }
}

// The journal is exported with each event as it was stored; a report in it is kept once, beside it.
const lines = readFileSync(join(folder, 'journal.ndjson'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const reports = [];
const entries = lines
  .filter((line) => line.seq)
  .map(({ seq, at, stored, previous, digest }) => {
    const event = JSON.parse(stored).is;
    if (event.event === 'investigation_ended') {
      reports.push(event.report);
      event.report = { at: reports.length - 1 };
    }
    return { seq, at, event, previous, digest };
  });
write('three.timeline.json', { incident: lines[0].incident, entries });
write('three.reports.json', reports);

const evidence = {};
for (const { id } of reports[0].evidence) {
  const { claims, evidence: items } = said(
    'explain',
    join(folder, 'report.json'),
    id,
    '--recording',
    join(folder, 'recording'),
    '--format',
    'json',
  );
  for (const item of items) {
    item.rows = item.rows?.slice(0, 5);
    item.points = item.points?.slice(-40);
  }
  evidence[id] = { claims, evidence: items };
}
write('three.evidence.json', evidence);

for (const name of ['healthy-storage-recovered', 'payment-provider-outage', 'petshop-latency']) {
  write(`${name}.json`, said('investigate', join(recordings, `${name}.tar.zst`), '--format', 'json'));
}
write(
  'mechanisms.json',
  said('mechanisms', 'list', '--format', 'json')
    .filter((m) => /^(permission|resource)\./.test(m.id))
    .slice(0, 10),
);
