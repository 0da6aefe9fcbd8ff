// What is typed by hand, held against countersign.h: declarations, numbers, and the ABI's version.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';

const require = createRequire(import.meta.url);
const { declarations } = require('../dist/functions.js');
const numbers = require('../dist/numbers.js');

const folder = process.env.COUNTERSIGN_INCLUDE_DIR;
if (!folder) throw new Error('COUNTERSIGN_INCLUDE_DIR is not set: give it the folder of countersign.h');
const text = readFileSync(join(folder, 'countersign.h'), 'utf8');
const header = text.replace(/\/\*.*?\*\/|^#[^\n]*$/gms, '');

/** What this package has no use for. */
const UNUSED = [
  // For hosts whose callbacks run on the library's own thread.
  'csign_callback_set_cause',
  'csign_error_cause',
  // csign_client_peek_token does what is needed of it.
  'csign_client_copy_token',
  // The words are in numbers.ts.
  'csign_verdict_name',
  // A collected language shares its own copy.
  'csign_token_share',
  // csign_token_extra_json has them all.
  'csign_token_extra',
  'csign_test_panic',
];

/** `name` -> [result, ...parameters], each as what is passed. */
function signatures(texts, typeOf) {
  const found = new Map();
  for (const text of texts) {
    const [, result, name, parameters] = /^\s*(.*?)(\w+)\((.*)\)$/s.exec(text);
    const list = parameters.trim() === 'void' ? [] : parameters.split(',');
    found.set(name, [typeOf(result), ...list.map((one) => typeOf(one.replace(/\w+\s*$/, ''), one.trim()))]);
  }
  return found;
}

/** A type of the header: what a pointer points to matters where a number is written there. */
function headerType(text, parameter = '') {
  const type = text.replace(/\b(const|struct)\b/g, '').replace(/\s+/g, '');
  if (parameter.endsWith('user_data')) return 'size_t';
  if (/^csign_\w+_fn$/.test(type)) return type === 'csign_destroy_fn' ? 'pointer' : `${type}`;
  const enumeration = /^csign_(status|verdict|source|change|revocation|log_level|counter)(\*?)$/.exec(type);
  if (enumeration) return enumeration[2] ? 'out int32_t' : 'int32_t';
  if (/^(size_t|u?int(16|32|64)_t)\*$/.test(type)) return `out ${type.slice(0, -1)}`;
  return type.endsWith('*') ? 'pointer' : type;
}

function ownType(text, parameter = '') {
  const out = /^\s*_Out_/.test(text);
  const type = text.replace(/\b(const|_Out_)\b/g, '').replace(/\s+/g, '');
  if (parameter.endsWith('user_data')) return 'size_t';
  if (/^csign_\w+_fn\*$/.test(type)) return type.slice(0, -1);
  if (out && type !== 'void**') return `out ${type.slice(0, -1)}`;
  return type.endsWith('*') ? 'pointer' : type;
}

const declared = signatures(
  [
    ...[...header.matchAll(/CSIGN_API\s+([^;]+);/g)].map(([, text]) => text),
    ...[...header.matchAll(/typedef (\w+) \(\*(csign_\w+_fn)\)(\([^;]*\));/g)].map(
      ([, result, name, parameters]) => `${result} ${name}${parameters}`,
    ),
  ],
  headerType,
);
const own = signatures(declarations, ownType);

test('every function of the header is declared, or known to be of no use', () => {
  assert.ok(declared.size > 70, `the header is read: ${declared.size}`);
  const missing = [...declared.keys()].filter((name) => !own.has(name));
  assert.deepEqual(missing.sort(), [...UNUSED, 'csign_destroy_fn'].sort());
});

test('every declaration is the header’s', () => {
  for (const [name, signature] of own) {
    // What a plain pointer is handed is a buffer of the caller's; an `_Out_` is what koffi writes to.
    const expected = declared
      .get(name)
      ?.map((type, i) => (signature[i] === 'pointer' ? pointer(type) : type));
    assert.deepEqual(signature, expected, name);
  }
});

function pointer(type) {
  return type.startsWith('out ') ? 'pointer' : type;
}

test('every number is the header’s', () => {
  const enumerators = new Map(
    [...header.matchAll(/\b(CSIGN_[A-Z0-9_]+) = (\d+),/g)].map(([, name, number]) => [name, Number(number)]),
  );
  for (const [prefix, table] of [
    ['VERDICT', numbers.VERDICTS],
    ['SOURCE', numbers.SOURCES],
    ['CHANGE', numbers.CHANGES],
    ['REVOCATION', numbers.REVOCATIONS],
    ['LOG_LEVEL', numbers.LOG_LEVELS],
    ['COUNTER', inverted(numbers.COUNTERS)],
  ]) {
    const expected = [...enumerators].filter(([name]) => name.startsWith(`CSIGN_${prefix}_`));
    const words = expected.map(([name, number]) => [
      number,
      name.slice(`CSIGN_${prefix}_`.length).toLowerCase(),
    ]);
    assert.ok(words.length > 2, prefix);
    assert.deepEqual(table, Object.fromEntries(words), prefix);
  }
  for (const [name, number] of Object.entries(numbers.Status)) {
    const word = name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
    assert.equal(number, enumerators.get(`CSIGN_STATUS_${word}`), name);
  }
  assert.equal(numbers.ABI_VERSION, Number(/^#define CSIGN_ABI_VERSION (\d+)$/m.exec(text)[1]));
});

function inverted(table) {
  return Object.fromEntries(Object.entries(table).map(([word, number]) => [number, word]));
}
