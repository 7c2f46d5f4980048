// DESIGN §4's seven laws over random histories: see rekeyLaws.ts and rekeySecrets.ts for the laws, rekeyWorld.ts for the world, rekeyHistories.ts
// for what happens in it. Keys are symbols here, so that it is known who could ever derive what; rekeySealed.test.ts has real ones.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { history } from './rekeyHistories.ts';
import { historySeed } from './seed.ts';
import { addCounts, newCounts } from './rekeyLedger.ts';
import { symbolicSuite } from './rekeySymbols.ts';
import { RekeyWorld } from './rekeyWorld.ts';

const seed = historySeed();
const histories = 9_000;

describe('the rekey machine over random histories', () => {
  it('keeps all seven laws under any churn, delay, silence, lost sockets and failing custodians', (t) => {
    const total = newCounts();
    const property = fc.property(history, (given) => {
      addCounts(total, new RekeyWorld(given, symbolicSuite()).run().counts);
    });
    fc.assert(property, { seed, numRuns: histories });
    t.diagnostic(`seed ${seed}: ${histories} histories: ${JSON.stringify(total)}`);
    for (const [name, count] of Object.entries(total)) assert.ok(count > 0, `the histories reach ${name}`);
  });
});
