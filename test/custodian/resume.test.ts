import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { custodianMessages } from '../../src/custodian/messages.ts';
import { decodeAdmission } from '../../src/protocol/keyMessages.ts';
import { lease as toLease } from '../../src/protocol/names.ts';
import { closeAsk, openAsk, rekeyAsk } from './participants.ts';
import { meeting, newVault, publicKey, vaultOf, who } from './testVault.ts';

const seed = Number(process.env['LATCHKEY_TEST_SEED'] ?? Date.now() % 2 ** 31);
const refused = { code: 'custodian_refused' };
const challengeOf = () => new Uint8Array(randomBytes(32));

describe('proof of the resume secret', () => {
  it('is accepted for its lease and its challenge, from the admission to the departure', async () => {
    const { vault, rekey, participant } = vaultOf(64);
    const [ada, bob] = [await participant(), await participant()];
    const proves = (one: typeof ada, lease = one.lease): boolean => {
      const challenge = challengeOf();
      return vault.verifyResume({ meeting, lease, challenge, proof: one.prove(challenge) });
    };
    assert.ok(proves(ada), 'while it waits');
    rekey([ada.lease, bob.lease]);
    assert.ok(proves(ada) && proves(bob));
    assert.ok(proves(ada), 'as often as it is asked');
    assert.ok(!proves(ada, bob.lease), 'for nobody else');
    assert.ok(!proves(ada, toLease(99)), 'for nobody who is not here');
    rekey([], [ada.lease]);
    assert.ok(!proves(ada), 'not once it has departed');
    assert.ok(proves(bob));
  });

  it('is not accepted with any bit changed, for another challenge, or from another incarnation', async () => {
    const { vault, participant } = vaultOf(64);
    const ada = await participant();
    const challenge = challengeOf();
    const proof = ada.prove(challenge);
    const verify = (change: object) =>
      vault.verifyResume({ meeting, lease: ada.lease, challenge, proof, ...change });
    assert.ok(verify({}));
    for (let bit = 0; bit < 256; bit++) {
      const flip = (bytes: Uint8Array) => bytes.with(bit >> 3, (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7)));
      assert.ok(!verify({ proof: flip(proof) }), `bit ${bit} of the proof`);
      assert.ok(!verify({ challenge: flip(challenge) }), `bit ${bit} of the challenge`);
    }
    vault.closeMeeting(closeAsk(meeting));
    assert.throws(() => verify({}), { code: 'meeting_not_found' });
    vault.openMeeting(openAsk(meeting));
    vault.admit({ ...who, publicKey });
    assert.ok(!verify({}), 'the lease of the same number is somebody else');
  });

  it('is not accepted from a lease that moved, but from the one it moved to', async () => {
    const { vault, rekey, participant } = vaultOf(64);
    const old = await participant();
    rekey([old.lease]);
    const anew = await participant();
    rekey([anew.lease], [old.lease]);
    const challenge = challengeOf();
    const verify = (one: typeof old) =>
      vault.verifyResume({ meeting, lease: one.lease, challenge, proof: one.prove(challenge) });
    assert.deepEqual([verify(old), verify(anew)], [false, true]);
  });
});

describe('an incarnation whose custodian was lost', () => {
  const incarnation = new Uint8Array(16).fill(5);
  const chain = new Uint8Array(32).fill(6);
  const continues = { incarnation, lastLease: 40, nextEpoch: 12, chain };

  it('is gone on with: leases above the highest given, epochs from the first that nobody was given, the chain', async () => {
    const { rekey, participant, incarnation: opened } = vaultOf(64, { continues });
    assert.deepEqual(opened, incarnation);
    const [ada, bob] = [await participant(), await participant()];
    assert.deepEqual([ada.lease, bob.lease, ada.terms.number, ada.terms.firstEpoch], [41, 42, 41, 12]);
    const first = rekey([ada.lease, bob.lease]);
    assert.equal(first.epoch, 12);
    for (const one of [ada, bob]) await one.follow(first);
    const second = rekey([], [bob.lease]);
    await ada.follow(second);
    assert.equal(second.epoch, 13);
  });

  it('is never one of this custodian’s own, nor twice', () => {
    const { vault, incarnation: own } = vaultOf(64);
    const go = (name: string, of: Uint8Array) =>
      vault.openMeeting({ ...openAsk(name), continues: { ...continues, incarnation: of } });
    assert.throws(() => go('other', own), refused);
    vault.closeMeeting(closeAsk(meeting));
    assert.throws(() => go(meeting, own), refused, 'not after it ended either');
    go('other', incarnation);
    assert.throws(() => go(meeting, incarnation), refused);
    vault.closeMeeting(closeAsk('other'));
    assert.throws(() => go('other', incarnation), refused);
    assert.equal(vault.counts.meetings, 0);
  });

  it('never has a lease or an epoch twice, over any number of custodians that are lost', (t) => {
    const life = fc.array(
      fc.record({
        admits: fc.nat(5),
        joins: fc.nat(5),
        departs: fc.nat(3),
        /** What is lost on the way: the control process never heard of the last ones. */
        unheard: fc.boolean(),
      }),
      { maxLength: 6 },
    );
    let lives = 0;
    const property = fc.property(fc.array(life, { minLength: 2, maxLength: 5 }), (custodians) => {
      let [lastLease, nextEpoch, newest]: [number, number, Uint8Array] = [0, 0, new Uint8Array(32)];
      let opened: Uint8Array | null = null;
      for (const steps of custodians) {
        lives++;
        const { vault } = newVault(512);
        const ask = openAsk(meeting);
        const { incarnation: name } = vault.openMeeting(
          opened === null
            ? ask
            : { ...ask, continues: { incarnation: opened, lastLease, nextEpoch, chain: newest } },
        );
        opened ??= name;
        assert.deepEqual(name, opened);
        const waiting = [];
        const present = [];
        for (const { admits, joins, departs, unheard } of steps) {
          for (let admitted = 0; admitted < admits; admitted++) {
            const { lease, admission } = vault.admit({ ...who, publicKey });
            assert.ok(lease > lastLease, 'leases only rise');
            assert.ok(decodeAdmission(admission).terms.firstEpoch >= nextEpoch);
            waiting.push(lease);
            lastLease = lease;
          }
          const joining = waiting.splice(0, joins);
          const { epoch, chain: made } = vault.rekey(rekeyAsk(meeting, joining, present.splice(0, departs)));
          assert.ok(epoch >= nextEpoch, 'epochs only rise');
          present.push(...joining);
          if (unheard) break;
          [nextEpoch, newest] = [epoch + 1, made];
        }
        vault.close();
      }
    });
    fc.assert(property, { seed, numRuns: 60 });
    t.diagnostic(`seed ${seed}: ${lives} custodians`);
  });

  it('is described strictly', () => {
    const { ask } = custodianMessages.openMeeting;
    const open = (change: object) =>
      ask.safeParse({ ...openAsk(meeting), continues: { ...continues, ...change } }).success;
    const zeros = new Uint8Array(32);
    assert.ok(open({}));
    assert.ok(open({ nextEpoch: 0, chain: zeros }));
    for (const change of [
      { nextEpoch: 0 },
      { chain: zeros },
      { nextEpoch: -1 },
      { nextEpoch: 2 ** 32 },
      { lastLease: 1.5 },
      { lastLease: 2 ** 32 },
      { incarnation: new Uint8Array(15) },
      { chain: new Uint8Array(33) },
      { more: 1 },
    ]) {
      assert.ok(!open(change), JSON.stringify(change));
    }
    for (const freshForMs of [-1, 0.5, 2 ** 31, Infinity, '1'])
      assert.ok(!ask.safeParse({ ...openAsk(meeting), freshForMs }).success, String(freshForMs));
    assert.ok(!ask.safeParse({ ...openAsk(meeting), joinPolicy: 'some' }).success);
  });
});
