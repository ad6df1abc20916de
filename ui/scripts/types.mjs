// Writes src/api/generated.ts from docs/api/openapi.json: what the API answers, as the compiler of the server knows it.
// `node scripts/types.mjs` writes it; a test holds the file against the description. Written here because the known
// generators stand on the programming interface of an older TypeScript.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const NAME = /^[A-Za-z_$][\w$]*$/;
const key = (name) => (NAME.test(name) ? name : JSON.stringify(name));
const comment = (text, indent) =>
  text ? `${indent}/** ${text.replaceAll('*/', '* /').replaceAll(/\s*\n\s*/g, ' ')} */\n` : '';
const united = (parts) => [...new Set(parts)].join(' | ');

/** A schema as a type. */
function typeOf(schema, indent) {
  if (schema === true || schema === undefined) return 'unknown';
  if (schema === false) return 'never';
  if (schema.$ref) return schema.$ref.split('/').at(-1);
  if ('const' in schema) return JSON.stringify(schema.const);
  if (schema.enum) return united(schema.enum.map((value) => JSON.stringify(value)));
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) {
    const union = united(choices.map((one) => typeOf(one, indent)));
    // What all of them have stands beside the choice.
    return schema.properties ? `${objectOf(schema, indent)} & (${union})` : union;
  }
  const kinds = [schema.type].flat();
  return united(kinds.map((kind) => plain(kind, schema, indent)));
}

function plain(kind, schema, indent) {
  switch (kind) {
    case 'null':
      return 'null';
    case 'string':
      return 'string';
    case 'boolean':
      return 'boolean';
    case 'integer':
    case 'number':
      return 'number';
    case 'array': {
      if (schema.prefixItems) return `[${schema.prefixItems.map((one) => typeOf(one, indent)).join(', ')}]`;
      const item = typeOf(schema.items, indent);
      return / [|&] /.test(item) ? `(${item})[]` : `${item}[]`;
    }
    case 'object':
      return objectOf(schema, indent);
    default:
      return 'unknown';
  }
}

function objectOf(schema, indent) {
  const names = Object.keys(schema.properties ?? {});
  const rest = schema.additionalProperties;
  if (names.length === 0) {
    return `Record<string, ${rest === undefined || rest === false ? 'unknown' : typeOf(rest, indent)}>`;
  }
  const inner = `${indent}  `;
  const wanted = new Set(schema.required ?? []);
  const lines = names.map((name) => {
    const value = schema.properties[name];
    const maybe = wanted.has(name) ? '' : '?';
    return `${comment(value.description, inner)}${inner}${key(name)}${maybe}: ${typeOf(value, inner)};\n`;
  });
  return `{\n${lines.join('')}${indent}}`;
}

/** The whole file. */
export function types(description) {
  const schemas = description.components.schemas;
  const parts = Object.keys(schemas)
    .sort()
    .map(
      (name) =>
        `${comment(schemas[name].description, '')}export type ${name} = ${typeOf(schemas[name], '')};\n`,
    );
  return `// Generated from docs/api/openapi.json by scripts/types.mjs; not to be altered by hand.\n\n${parts.join('\n')}`;
}

const place = (path) => fileURLToPath(new URL(path, import.meta.url));
export const read = () => types(JSON.parse(readFileSync(place('../../docs/api/openapi.json'), 'utf8')));
export const FILE = place('../src/api/generated.ts');
if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(FILE, read());
