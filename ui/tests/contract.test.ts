// Holds the fixture server against docs/api/openapi.json: what the page is tested on must be what the API gives.
import { readFileSync } from 'node:fs';
import Ajv2020 from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
// @ts-expect-error It is plain JavaScript, so that it runs without a build.
import { FILE, read } from '../scripts/types.mjs';
// @ts-expect-error The server is plain JavaScript, so that it runs without a build.
import { start } from './server.mjs';

const description = JSON.parse(readFileSync(new URL('../../docs/api/openapi.json', import.meta.url), 'utf8'));
const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
formats(ajv);
ajv.addSchema({ $id: 'api', components: description.components });

/** The schema of what a route answers, with its references led to the description. */
function schemaOf(path: string, method = 'get'): object {
  const answer = description.paths[path]?.[method]?.responses['200'].content['application/json'];
  if (!answer?.schema) throw new Error(`the description has no JSON answer for ${path}`);
  return JSON.parse(JSON.stringify(answer.schema).replaceAll('"#/components', '"api#/components'));
}

const THREE = 'inc-20261121-122740-91a2fb';
const SPACE = '/v1/spaces/{space}';
const ROUTES: [string, string][] = [
  [`${SPACE}/incidents`, 'incidents?all=true&limit=200'],
  [`${SPACE}/incidents/{id}`, `incidents/${THREE}`],
  [`${SPACE}/incidents/{id}/timeline`, `incidents/${THREE}/timeline`],
  [`${SPACE}/incidents/{id}/report`, `incidents/${THREE}/report`],
  [`${SPACE}/incidents/{id}/evidence/{eid}`, `incidents/${THREE}/evidence/E4`],
  [`${SPACE}/topology`, 'topology'],
  [`${SPACE}/changes`, 'changes'],
  [`${SPACE}/policy`, 'policy'],
  [`${SPACE}/alarms`, 'alarms'],
  [`${SPACE}/silences`, 'silences'],
  [`${SPACE}/notifiers`, 'notifiers'],
  [`${SPACE}/inlets`, 'inlets'],
  [`${SPACE}/inlets/{inlet}/deliveries`, 'inlets/alerts/deliveries'],
  [`${SPACE}/mechanisms`, 'mechanisms'],
  [`${SPACE}/lessons`, 'lessons'],
  [`${SPACE}/stats`, 'stats'],
];

describe('the types', () => {
  it('are those of the description; `npm run types` writes them anew', () => {
    expect(readFileSync(FILE, 'utf8') === read()).toBe(true);
  });
});

describe('the fixture server answers as the API is described', () => {
  let server: { url: string; stop(): Promise<void> };
  beforeAll(async () => {
    server = await start({ upTo: 37 });
  });
  afterAll(() => server.stop());

  it.each(ROUTES)('%s', async (path, asked) => {
    const answer = await (await fetch(`${server.url}v1/spaces/main/${asked}`)).json();
    const holds = ajv.compile(schemaOf(path));
    const told = holds(answer)
      ? []
      : holds.errors?.slice(0, 5).map((one) => `${one.instancePath} ${one.message}`);
    expect(told).toEqual([]);
  });

  it('answers a question as described', async () => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': 'a' };
    const asked = {
      method: 'POST',
      headers,
      body: JSON.stringify({ question: 'errors in the last 2 minutes' }),
    };
    const answer = await fetch(`${server.url}v1/spaces/main/ask`, asked);
    expect(answer.status).toBe(200);
    const holds = ajv.compile(schemaOf(`${SPACE}/ask`, 'post'));
    expect(holds(await answer.json())).toBe(true);
  });

  it('and tells what the stream tells', () => {
    const told = Object.keys(description.components.schemas.Event.properties);
    expect(told).toEqual(expect.arrayContaining(['incident', 'seq', 'kind']));
  });
});
