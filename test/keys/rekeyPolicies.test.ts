// Joins that share an epoch instead of making one, where the policy allows it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JoinPolicy } from '../../src/protocol/names.ts';
import { leases, RekeyScene } from './rekeyScene.ts';

/** Epoch 1 was asked for by an eviction at the scene's now, is active and settled. */
const fresh = (policy: JoinPolicy): RekeyScene => {
  const scene = RekeyScene.steady({ senders: [1], viewers: [2, 3] }, {}, policy);
  scene.depart('evicted', 3).minted().acknowledge(1, 1, 2).confirm(1, 1);
  return scene.forget();
};

describe('under `first` a join', () => {
  it('shares the epoch that is younger than `freshForMs`, and makes one after that', () => {
    const scene = fresh('first').after(9_799).join(4).after(200);
    assert.deepEqual(scene.words.at(-1), 'share +4 -');
    const late = fresh('first').after(9_800).join(4).after(200);
    assert.deepEqual(late.words.at(-1), 'mint +4 -');
  });

  it('that shares starts once it acknowledged, may send once it confirmed, and nobody waits for it', () => {
    const scene = fresh('first').join(4).sends(true, 4).after(200).after(15).shared();
    assert.equal(scene.machine.phase, 'steady');
    assert.equal(scene.machine.activeEpoch, 1);
    scene.acknowledge(1, 4);
    assert.deepEqual(scene.words, ['share +4 -', 'start 4']);
    scene.confirm(1, 4);
    assert.deepEqual(scene.words.at(-1), 'resume 4');
    scene.join(5).after(200).shared().forget().after(60_000);
    assert.deepEqual(
      scene.words.filter((word) => word !== 'retire 0'),
      ['lagging 5', 'readmit 5 lagging'],
    );
  });

  it('is not spaced from the mint, nor the next mint from it', () => {
    const scene = fresh('first').join(4).after(200).shared().acknowledge(1, 4);
    const sharedAtMs = scene.nowMs;
    scene.depart('left', 4).after(250);
    assert.deepEqual(scene.times('mint'), [sharedAtMs, sharedAtMs + 250]);
    assert.deepEqual(scene.words, ['share +4 -', 'start 4', 'mint + -4']);
  });

  it('makes an epoch with departures, operators and moves that wait with it', () => {
    const departed = fresh('first').join(4).depart('left', 2).after(250);
    assert.deepEqual(departed.words.at(-1), 'mint +4 -2');
    const demanded = fresh('first').after(250).join(4).demand('operator');
    assert.deepEqual(demanded.words.at(-1), 'mint +4 -');
    const moved = fresh('first').after(250).join(4).readmitted([2, 5]).after(200);
    assert.deepEqual(moved.words.at(-1), 'mint +4 - 2>5');
    const due = RekeyScene.steady({ senders: [1] }, {}, 'never')
      .at(300_100)
      .join(4)
      .after(100);
    assert.deepEqual(due.words.at(-1), 'mint +4 -', 'the interval is over');
  });

  it('makes the first epoch of all, and the first after everybody left', () => {
    for (const policy of ['first', 'never'] as const) {
      const scene = new RekeyScene({}, policy).join(1).after(200);
      assert.deepEqual(scene.words, ['mint +1 -']);
      scene.minted().acknowledge(0, 1).depart('left', 1).forget().join(2).after(200);
      assert.deepEqual(scene.words, ['mint +2 -1']);
    }
  });

  it('makes none while the custodian that would share it is another than the one that minted', () => {
    const scene = fresh('never').custodianLost().custodianBack().join(4).after(1_999);
    assert.deepEqual(scene.of('mint'), []);
    scene.readmitted([1, 11], [2, 12]);
    assert.deepEqual(scene.words.at(-1), 'mint +4 - 1>11 2>12');
  });
});

describe('under `never` a join', () => {
  it('shares the epoch however old it is', () => {
    const scene = fresh('never').after(200_000).join(4).after(200).shared();
    assert.deepEqual(scene.words.at(-1), 'share +4 -');
  });

  it('shares no epoch that is not active yet', () => {
    const scene = RekeyScene.steady({ senders: [1], viewers: [2, 3] }, {}, 'never').depart('evicted', 3);
    scene.join(4).minted().after(300);
    assert.deepEqual(scene.words, ['mint + -3']);
    scene.acknowledge(1, 1, 2);
    assert.deepEqual(scene.words, ['mint + -3', 'activate 1', 'share +4 -']);
  });
});

describe('a share', () => {
  it('that the custodian answers with a mint is one', () => {
    const scene = fresh('never').join(4).after(200);
    const askedAtMs = scene.nowMs;
    scene.after(40).minted();
    assert.equal(scene.machine.phase, 'distributing');
    scene.acknowledge(2, 1, 2, 4).confirm(2, 1);
    assert.deepEqual(scene.words, ['share +4 -', 'activate 2', 'start 4']);
    assert.equal(scene.of('activate')[0]?.trigger, 'join');
    scene.demand('operator').at(askedAtMs + 249);
    assert.equal(scene.of('mint').length, 1, 'spaced from it');
    scene.after(1);
    assert.equal(scene.of('mint').length, 2);
  });

  it('that fails is asked for again after a while', () => {
    const scene = fresh('never').join(4, 5).after(200).failed().depart('left', 5).after(1_000);
    assert.deepEqual(scene.words, ['share +4,5 -', 'withdrawn 5', 'share +4 -']);
  });

  it('in flight takes in whoever departs meanwhile, and the mint that follows leaves them out', () => {
    const scene = fresh('never').join(4, 5).after(200).depart('evicted', 5).depart('evicted', 2).shared();
    assert.deepEqual(scene.words, ['share +4,5 -', 'mint + -5,2']);
    scene.minted().acknowledge(2, 1, 4).confirm(2, 1);
    assert.deepEqual(scene.words.slice(2), ['start 4', 'activate 2', 'exposed 5,2']);
  });

  it('in flight when the last departs leaves nobody', () => {
    const scene = fresh('never').join(4).after(200).depart('left', 4, 1, 2).shared().forget();
    assert.equal(scene.machine.phase, 'steady');
    scene.join(6).after(200);
    assert.deepEqual(scene.words, ['mint +6 -4,1,2']);
  });

  it('is a RangeError where nobody asked, or of another epoch than the newest', () => {
    const scene = fresh('never');
    assert.throws(() => scene.shared(), RangeError);
    scene.join(4).depart('left', 4).join(5).depart('evicted', 2);
    assert.deepEqual(scene.words.at(-1), 'mint +5 -2');
    assert.throws(() => scene.shared(), RangeError);
  });

  it('gives each newcomer its own deadline to acknowledge', () => {
    const scene = fresh('never');
    const mintedAtMs = scene.nowMs;
    scene
      .join(4)
      .at(mintedAtMs + 400)
      .shared();
    scene
      .at(mintedAtMs + 1_000)
      .join(5)
      .after(200)
      .shared();
    scene.at(mintedAtMs + 5_000);
    assert.deepEqual(scene.times('lagging'), [mintedAtMs + 2_200 + 200, mintedAtMs + 3_200]);
    assert.equal(scene.of('activate').length, 0);
  });

  it('of an epoch that everybody had acknowledged begins no deadline that has passed', () => {
    const scene = fresh('never').after(60_000).join(4).after(200).shared();
    assert.equal(scene.machine.nextDeadline(), scene.nowMs + 2_000);
    scene.after(2_000);
    assert.equal(scene.words.at(-1), 'lagging 4');
  });

  it('in whose epoch somebody is late does not put off the deadline of the next', () => {
    const scene = fresh('never').after(250).join(4).after(200).shared();
    scene.depart('evicted', 2).minted().acknowledge(2, 1).forget().after(499);
    assert.deepEqual(scene.words, []);
    scene.after(1);
    assert.deepEqual(scene.words.slice(0, 2), ['lagging 4', 'activate 2']);
  });

  it('costs a crowd no epoch', () => {
    const scene = fresh('never');
    for (const lease of leases(10, 40)) scene.join(lease).after(200).shared().acknowledge(1, lease);
    assert.equal(scene.machine.activeEpoch, 1);
    assert.equal(scene.of('start').length, 31);
    scene.after(4_000).assertCalm();
  });
});
