// Fails when the first view weighs too much: what index.html fetches before anything is clicked, compressed.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** Bytes, gzip: the promise of the project for the first view without graph code. */
const LIMIT = 100_000;
/** What may never be part of the first view. */
const LAZY = /uplot|elk|sigma|graphology|draw/i;

const dist = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist');
const manifest = JSON.parse(readFileSync(join(dist, '.vite', 'manifest.json'), 'utf8'));
const files = new Set(['index.html', 'theme.js', 'mark.svg']);
const walk = (key) => {
  const chunk = manifest[key];
  if (!chunk || files.has(chunk.file)) return;
  files.add(chunk.file);
  for (const css of chunk.css ?? []) files.add(css);
  for (const next of chunk.imports ?? []) walk(next);
};
walk('index.html');
// The first view is the page "Now": its own chunk counts as well.
walk('src/pages/now.tsx');

let total = 0;
for (const file of [...files].sort()) {
  const size = gzipSync(readFileSync(join(dist, file)), { level: 9 }).length;
  total += size;
  console.log(`${String(size).padStart(8)}  ${file}`);
}
console.log(`${String(total).padStart(8)}  first view, gzip (limit ${LIMIT})`);
const heavy = [...files].filter((file) => LAZY.test(file));
if (heavy.length > 0) {
  console.error(`error: the first view fetches what only graphs need: ${heavy.join(', ')}`);
  process.exit(1);
}
if (total > LIMIT) {
  console.error(
    `error: the first view weighs ${total} bytes, more than ${LIMIT}; load what it does not need later`,
  );
  process.exit(1);
}
