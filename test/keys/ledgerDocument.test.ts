import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { ledgerFields } from '../../src/keys/ledgerLines.ts';
import { ledgerFaults } from '../../src/keys/ledgerVerifier.ts';

const text = readFileSync(new URL('../../src/protocol/PROTOCOL.md', import.meta.url), 'utf8');

const rows = (heading: string): string[][] => {
  const [, table = ''] = text.split(`${heading}\n`);
  return [...(table.split('\n\n')[0] ?? '').matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(
    ([, name = '', rest = '']) => [name, ...rest.split('|').map((cell) => cell.trim())],
  );
};

it('PROTOCOL.md lists every line with its fields in their order', () => {
  const documented = rows('| line | fields | when |').map(([type, fields = '']) => [
    type,
    fields === '' ? [] : fields.split(', '),
  ]);
  assert.deepEqual(Object.fromEntries(documented), ledgerFields);
  assert.deepEqual(
    documented.map(([type]) => type),
    Object.keys(ledgerFields),
  );
});

it('and every fault', () => {
  assert.deepEqual(Object.fromEntries(rows('| fault | meaning |')), ledgerFaults);
});
