// The same laws and world as rekeyLaws.test.ts, with participants that really seal and open: keys of 32 random bytes, delivered by the tree under
// HMAC-SHA-512 and AES-256-GCM, messages as they are on the wire, frames by src/sframe over node:crypto.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { history } from './rekeyHistories.ts';
import { historySeed } from './seed.ts';
import { addCounts, newCounts } from './rekeyLedger.ts';
import { realSuite } from './rekeyRealKeys.ts';
import { RekeyWorld } from './rekeyWorld.ts';

const seed = historySeed();
const histories = 1_200;

describe('the rekey machine over random histories with real keys', () => {
  it('lets everybody open what it acknowledged the key of, and seals nothing twice under one key and counter', (t) => {
    const total = newCounts();
    const property = fc.property(history, (given) => {
      addCounts(total, new RekeyWorld(given, realSuite()).run().counts);
    });
    fc.assert(property, { seed, numRuns: histories });
    const { epochs, framesLost, framesOpened, framesSealed, moves, socketsResumed } = total;
    t.diagnostic(
      `seed ${seed}: ${histories} histories, ${epochs} epochs, ${moves} moves, ${socketsResumed} sockets resumed, ` +
        `${framesSealed} frames sealed, ${framesOpened} opened, ${framesLost} lost where that is allowed`,
    );
    for (const count of [epochs, moves, socketsResumed, framesSealed, framesOpened]) assert.ok(count > 0);
  });
});
