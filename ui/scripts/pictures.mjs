// Takes pictures that the browser tests made into docs/pictures/page, where docs/page.md shows them.
import { copyFileSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const WANTED = {
  'now.png': 'the-pictures-of-the-guide-1-now.png',
  'incident.png': 'the-pictures-of-the-guide-2-incident.png',
  'evidence.png': 'watch-approve-verified-4-evidence.png',
  'plan.png': 'the-pictures-of-the-guide-3-plan.png',
  'disagree.png': 'a-person-disagrees-1-said.png',
  'topology.png': 'the-topology-3-lit.png',
  'topology-large.png': 'ten-thousand-entities-3-found.png',
  'setup.png': 'the-pictures-of-the-guide-4-setup.png',
  'link.png': 'a-one-time-link-makes-the-first-account-1-asked.png',
};
const place = (path) => fileURLToPath(new URL(path, import.meta.url));
mkdirSync(place('../../docs/pictures/page'), { recursive: true });
for (const [name, made] of Object.entries(WANTED)) {
  copyFileSync(place(`../tests/artefacts/${made}`), place(`../../docs/pictures/page/${name}`));
}
