import assert from 'node:assert/strict';
import { verify } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Vault } from '../../src/custodian/vault.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import { decodeAdmission, transportSignatureInput } from '../../src/protocol/keyMessages.ts';
import { joinPolicies, lease as toLease } from '../../src/protocol/names.ts';
import type { Lease } from '../../src/protocol/names.ts';
import { closeAsk, openAsk, rekeyAsk } from './participants.ts';
import { meeting, newVault, publicKey, signingKey, vaultOf, who } from './testVault.ts';

const seed = Number(process.env['LATCHKEY_TEST_SEED'] ?? Date.now() % 2 ** 31);

const refused = { code: 'custodian_refused' };

describe('the vault', () => {
  it('gives leases in order, none twice, also to those who never join', () => {
    const { vault, admit, rekey } = vaultOf(64);
    const [one, two] = [admit(), admit()];
    rekey([one]);
    vault.withdraw({ meeting, leases: [two] });
    rekey([], [one]);
    assert.deepEqual([one, two, admit()], [1, 2, 3]);
  });

  it('counts admissions and names the first epoch that they can ever see', () => {
    const { vault, admit, rekey, incarnation } = vaultOf(64);
    rekey([admit()]);
    rekey([admit()]);
    const { terms } = decodeAdmission(vault.admit({ ...who, publicKey }).admission);
    assert.deepEqual([terms.number, terms.lease, terms.firstEpoch], [3, 3, 2]);
    assert.deepEqual(terms.incarnation, incarnation);
  });

  it('joins a lease once, and only one that waits', () => {
    const { admit, rekey, slab } = vaultOf(64);
    const [one, two, three] = [admit(), admit(), admit()];
    assert.equal(rekey([one]).epoch, 0);
    const used = slab.used;
    for (const [joins, departures] of [
      [[one], []],
      [[one], [one]],
      [[toLease(9)], []],
      [[], [toLease(9)]],
      [[two, two], []],
      [[two], [two]],
      [[two], [one, one]],
    ] as [Lease[], Lease[]][]) {
      assert.throws(() => rekey(joins, departures), refused, JSON.stringify([joins, departures]));
      assert.equal(slab.used, used);
    }
    assert.equal(rekey([two, three], [one]).epoch, 1);
    assert.throws(() => rekey([one]), refused, 'who departed does not come back');
  });

  it('mints for nobody’s coming or going too', async () => {
    const { rekey, participant } = vaultOf(64);
    const [ada, bob] = [await participant(), await participant()];
    for (const answer of [rekey([ada.lease, bob.lease]), rekey([]), rekey([])])
      for (const one of [ada, bob]) await one.follow(answer);
  });

  it('forgets admissions that are withdrawn, and ignores leases that do not wait', async () => {
    const { vault, rekey, participant, slab } = vaultOf(64);
    const [ada, bob, eve] = [await participant(), await participant(), await participant()];
    await ada.follow(rekey([ada.lease]));
    const used = slab.used;
    const withdraw = (...leases: Lease[]) => vault.withdraw({ meeting, leases });
    withdraw(bob.lease, bob.lease, ada.lease, toLease(99));
    assert.equal(slab.used, used - 2, 'its leaf and its resume secret');
    assert.throws(() => rekey([bob.lease]), refused);
    await ada.follow(rekey([]));
    const all = rekey([], [ada.lease]);
    assert.deepEqual([all.epoch, all.rekey, all.welcomes], [2, null, []]);
    withdraw(eve.lease);
    assert.equal(slab.used, 0);
  });

  it('seals nothing that a departed participant could open', async () => {
    const { rekey, participant } = vaultOf(128);
    const people = [];
    for (let count = 0; count < 6; count++) people.push(await participant());
    const first = rekey(people.map(({ lease }) => lease));
    for (const person of people) await person.follow(first);
    const [gone, ...others] = people;
    assert.ok(gone !== undefined);
    const second = rekey([], [gone.lease]);
    for (const person of others) await person.follow(second);
    await assert.rejects(gone.follow(second), { code: 'key_message_unopened' });
  });

  it('opens a name once, and begins anew after it was closed', async () => {
    const { vault, rekey, participant, incarnation, slab } = vaultOf(64);
    assert.throws(() => vault.openMeeting(openAsk(meeting)), refused);
    const [ada, bob] = [await participant(), await participant()];
    rekey([ada.lease]);
    vault.closeMeeting(closeAsk(meeting));
    assert.equal(slab.used, 0);
    for (const attempt of [
      () => rekey([bob.lease]),
      () => rekey([], [ada.lease]),
      () => vault.admit({ ...who, publicKey }),
      () => vault.signTransport({ meeting, participant: 'ada', transport: 't', fingerprints: [] }),
      () => vault.closeMeeting(closeAsk(meeting)),
    ]) {
      assert.throws(attempt, { code: 'meeting_not_found' });
    }
    const again = vault.openMeeting(openAsk(meeting));
    assert.notDeepEqual(again.incarnation, incarnation);
    assert.throws(() => rekey([bob.lease]), refused, 'leases of the old incarnation are nobody here');
    assert.equal(vault.admit({ ...who, publicKey }).lease, 1);
    assert.equal(rekey([toLease(1)]).epoch, 0);
  });

  it('keeps meetings apart', async () => {
    const { vault, rekey, participant } = vaultOf(64);
    vault.openMeeting(openAsk('other'));
    const ada = await participant();
    assert.throws(() => vault.rekey(rekeyAsk('other', [ada.lease])), refused);
    vault.closeMeeting(closeAsk('other'));
    await ada.follow(rekey([ada.lease]));
  });

  it('signs the fingerprints of a transport for this incarnation', () => {
    const { vault, incarnation } = vaultOf(8);
    const transport = {
      participant: 'ada',
      transport: 't1',
      fingerprints: [{ algorithm: 'sha-256', value: 'AA:BB' }],
    };
    const signature = vault.signTransport({ meeting, ...transport });
    assert.ok(verify(null, transportSignatureInput({ ...transport, incarnation }), signingKey, signature));
  });

  it('refuses a public key that makes the secret known, and the lease is not given again', () => {
    const { vault, admit, slab } = vaultOf(16);
    assert.throws(() => vault.admit({ ...who, publicKey: new Uint8Array(32) }), {
      code: 'public_key_invalid',
    });
    assert.equal(slab.used, 0);
    assert.equal(admit(), 2);
  });
});

describe('a vault that runs full', () => {
  it('refuses admissions, and nothing has changed', () => {
    const { admit, slab, vault } = vaultOf(12);
    const leases: Lease[] = [];
    assert.throws(
      () => {
        for (;;) leases.push(admit());
      },
      { code: 'slab_full' },
    );
    assert.ok(leases.length >= 3, `${leases.length} were admitted`);
    assert.deepEqual([slab.used, vault.counts.waiting], [2 * leases.length, leases.length]);
  });

  it('never fails a rekey for lack of room: neither a join that it admitted nor a departure', (t) => {
    let fullest = 0;
    let refusals = 0;
    let shared = 0;
    let pages = 0;
    const action = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('admit' as const), count: fc.nat(40) }) },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('rekey' as const),
          joins: fc.nat(100),
          departures: fc.array(fc.nat(500), { maxLength: 12 }),
        }),
      },
    );
    const property = fc.property(
      fc.integer({ min: 8, max: 160 }),
      fc.constantFrom(...joinPolicies),
      fc.array(fc.tuple(fc.nat(1), action), { maxLength: 30, size: 'max' }),
      (slots, joinPolicy, actions) => {
        const { slab, keys, vault } = newVault(slots, undefined, { pageSlots: 4 });
        const [seal, hash] = [keys.seal.bind(keys), keys.hash.bind(keys)];
        // A rekey mints before it seals: by then its memory must be there.
        let minting = false;
        keys.seal = (...seals) => ((minting = false), seal(...seals));
        keys.hash = (bytes) => ((minting = false), hash(bytes));
        slab.onPage = () => {
          assert.ok(!minting, 'a rekey needed another page');
          pages++;
        };
        const meetings = ['a', 'b'].map((name) => ({ name, waiting: [] as Lease[], present: [] as Lease[] }));
        for (const { name } of meetings) vault.openMeeting({ ...openAsk(name), joinPolicy });
        for (const [index, act] of actions) {
          const at = meetings[index] ?? assert.fail('no meeting');
          if (act.kind === 'admit') refusals += admitSome(vault, at, act.count);
          else {
            const departures = [...new Set(act.departures.flatMap((pick) => at.present[pick] ?? []))];
            const joins = at.waiting.splice(0, act.joins);
            const share = departures.length === 0;
            minting = true;
            const { minted } = vault.rekey({ ...rekeyAsk(at.name, joins, departures), share });
            if (!minted) shared++;
            at.present = [...at.present.filter((lease) => !departures.includes(lease)), ...joins];
          }
          fullest = Math.max(fullest, slab.used / slab.total);
        }
        vault.close();
        assert.equal(slab.used, 0);
      },
    );
    fc.assert(property, { seed, numRuns: 60 });
    t.diagnostic(
      `seed ${seed}: ${refusals} refusals, ${shared} shared, at the fullest ${Math.round(fullest * 100)} %`,
    );
    assert.ok(refusals > 0 && shared > 0 && pages > 0 && fullest > 0.7);
  });
});

/** As many as it lets in; answers how many it refused. */
const admitSome = (vault: Vault, at: { name: string; waiting: Lease[] }, count: number): number => {
  for (let admitted = 0; admitted < count; admitted++) {
    try {
      at.waiting.push(vault.admit({ ...who, meeting: at.name, publicKey }).lease);
    } catch (thrown) {
      assert.ok(thrown instanceof LatchkeyError && thrown.code === 'slab_full');
      return 1;
    }
  }
  return 0;
};
