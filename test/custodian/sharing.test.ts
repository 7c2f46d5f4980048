import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeAdmission } from '../../src/protocol/keyMessages.ts';
import type { Participant } from './participants.ts';
import { meeting, publicKey, vaultOf, who } from './testVault.ts';

const freshForMs = 10_000;

/** Six people in an epoch: below the root of two levels there are places left. */
const started = async (joinPolicy: 'every' | 'first' | 'never', size = 6, slots = 256) => {
  const made = vaultOf(slots, { joinPolicy, freshForMs });
  const people: Participant[] = [];
  while (people.length < size) people.push(await made.participant());
  const first = made.rekey(people.map(({ lease }) => lease));
  for (const one of people) await one.follow(first);
  return { ...made, people, first };
};

describe('an epoch that newcomers may share', () => {
  for (const joinPolicy of ['first', 'never'] as const) {
    it(`is told to them as it was told to the others, who hear nothing of it (${joinPolicy})`, async () => {
      const { clock, share, participant, rekey, people, first } = await started(joinPolicy);
      const [ada, bob, eve] = [await participant(), await participant(), await participant()];
      clock.pass(freshForMs / 2);
      const { minted, rekey: message, welcomes, ...told } = share([ada.lease, bob.lease]);
      assert.deepEqual([minted, message, welcomes.length], [false, null, 2]);
      const { minted: _minted, rekey: _rekey, welcomes: _welcomes, ...original } = first;
      assert.deepEqual(told, original);
      for (const one of [ada, bob]) await one.follow({ minted, rekey: message, welcomes, ...told });
      const later = share([eve.lease]);
      assert.equal(later.minted, false);
      await eve.follow(later);
      people.push(ada, bob, eve);
      const next = rekey([], [people.shift()?.lease ?? assert.fail()]);
      assert.deepEqual([next.minted, next.epoch], [true, 1]);
      for (const one of people) await one.follow(next);
    });
  }

  it('is named by admissions as the first that they can be given, as long as it can be shared', async () => {
    const { vault, clock } = await started('first');
    const firstEpoch = () => decodeAdmission(vault.admit({ ...who, publicKey }).admission).terms.firstEpoch;
    assert.equal(firstEpoch(), 0);
    clock.pass(freshForMs);
    assert.equal(firstEpoch(), 1);
  });

  it('is none under `every`: whoever joins has an epoch of its own', async () => {
    const { slab, share, admit, people } = await started('every');
    assert.equal(slab.used, 6 + 2 + 1 + people.length, 'leaves, inner nodes, resume secrets');
    const { minted, epoch, rekey } = share([admit()]);
    assert.deepEqual([minted, epoch, rekey !== null], [true, 1, true]);
  });

  it('ends with its time: the session key is wiped then, and the next join mints', async () => {
    const { slab, clock, share, participant, people } = await started('first');
    const used = slab.used;
    clock.pass(freshForMs - 1);
    assert.deepEqual([slab.used, clock.timers], [used, 1]);
    clock.pass(1);
    assert.deepEqual([slab.used, clock.timers], [used - 1, 0]);
    const ada = await participant();
    const answer = share([ada.lease]);
    assert.deepEqual([answer.minted, answer.epoch], [true, 1]);
    for (const one of [...people, ada]) await one.follow(answer);
    assert.equal(clock.timers, 1, 'and its epoch can be shared again');
  });

  it('ends with its time also where the timer is late', async () => {
    const { slab, clock, share, admit } = await started('first');
    const ada = admit();
    clock.passUnnoticed(freshForMs + 1);
    const used = slab.used;
    assert.equal(share([ada]).minted, true);
    assert.equal(slab.used, used, 'one session key went, one came; the leaf is the tree’s now');
  });

  it('stays under `never` until the next rekey, however long that takes', async () => {
    const { slab, clock, share, rekey, admit } = await started('never');
    clock.pass(1e9);
    assert.equal(clock.timers, 0);
    assert.equal(share([admit()]).minted, false);
    const used = slab.used;
    rekey([]);
    assert.equal(slab.used, used);
    assert.equal(share([admit()]).epoch, 1);
  });

  it('is not shared with those who come while somebody departs, nor by nobody', async () => {
    const { share, admit, people } = await started('never');
    const [gone] = people;
    assert.ok(gone !== undefined);
    assert.throws(() => share([admit()], [gone.lease]), { code: 'custodian_refused' });
    assert.deepEqual([share([]).minted, share([]).epoch], [true, 2]);
  });

  it('is not shared where the tree would have to grow', async () => {
    const { share, participant, people } = await started('never');
    const newcomers = [];
    while (people.length + newcomers.length < 17) newcomers.push(await participant());
    const answer = share(newcomers.map(({ lease }) => lease));
    assert.deepEqual([answer.minted, answer.epoch], [true, 1]);
    for (const one of [...people, ...newcomers]) await one.follow(answer);
  });

  it('is not kept where a departure could need its room', async () => {
    // Leaf, root and resume secret of one, one session key in the making, and nothing to spare.
    const { slab, clock, people, rekey } = await started('first', 1, 4);
    assert.deepEqual([slab.used, clock.timers], [3, 0], 'the session key was not kept');
    rekey([], [people[0]?.lease ?? assert.fail()]);
    assert.deepEqual([slab.used, clock.timers], [1, 1], 'now there is room to keep one');
  });

  it('and all that was held for it is wiped when the meeting closes', async () => {
    const { slab, vault, clock } = await started('first');
    vault.close();
    assert.deepEqual([slab.used, clock.timers], [0, 0]);
    assert.throws(() => vault.admit({ ...who, publicKey }), { code: 'meeting_not_found' });
    vault.openMeeting({ meeting, joinPolicy: 'first', freshForMs });
  });
});
