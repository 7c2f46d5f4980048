// Everybody is admitted anew, and one rekey moves all: renewal and suspected compromise.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { leases, RekeyScene } from './rekeyScene.ts';

/** Of `RekeyScene.steady`: when its epoch 0 was minted. */
const firstMs = 200;
const quiet = { intervalMs: 10_000_000 };

const compromised = (): RekeyScene =>
  RekeyScene.steady({ senders: [1, 2], viewers: [3, 4] }, quiet).demand('compromise');

/** Its moves are in flight: 1>11 and so on, 4 did not answer. */
const moving = (): RekeyScene => {
  const scene = compromised().readmitted([1, 11], [2, 12], [3, 13]).forget().after(2_000);
  assert.deepEqual(scene.words, ['mint + -4 1>11 2>12 3>13']);
  return scene;
};

describe('a renewal', () => {
  it('asks everybody who is here, one after the other over the spread, and moves all in one rekey', () => {
    const scene = RekeyScene.steady({ senders: [1], viewers: [2, 3] }, quiet).at(firstMs + 3_599_999);
    assert.deepEqual(scene.words, []);
    scene.after(1);
    const startMs = scene.nowMs;
    scene
      .at(startMs + 50_000)
      .readmitted([1, 11])
      .at(startMs + 201_000)
      .readmitted([2, 12], [3, 13]);
    assert.deepEqual(scene.words, [
      'readmit 1 renewal',
      'readmit 2 renewal',
      'readmit 3 renewal',
      'mint + - 1>11 2>12 3>13',
    ]);
    assert.deepEqual(scene.times('readmit'), [startMs, startMs + 100_000, startMs + 200_000]);
    const [mint] = scene.of('mint');
    assert.deepEqual([mint?.trigger, mint?.joins, mint?.departures], ['renewal', [11, 12, 13], [1, 2, 3]]);
    scene.minted().acknowledge(1, 11, 12, 13).confirm(1, 11);
    assert.deepEqual(scene.words.at(-1), 'activate 1');
    scene.forget().after(3_599_999);
    assert.deepEqual(scene.of('readmit'), []);
    scene.after(1);
    assert.deepEqual(scene.of('readmit')[0]?.leases, [11], 'an interval after the last renewal');
  });

  it('leaves media alone while it is collected: who comes and goes is rekeyed for as ever', () => {
    const scene = RekeyScene.steady({ senders: [1, 2], viewers: [3] }, quiet).at(firstMs + 3_600_000);
    scene.readmitted([1, 11]).join(4).after(1_000).forget();
    scene.minted().acknowledge(1, 1, 2, 3, 4).confirm(1, 1, 2).depart('evicted', 3);
    assert.deepEqual(scene.words, ['activate 1', 'start 4', 'mint + -3']);
    scene.minted().acknowledge(2, 1, 2, 4).confirm(2, 1, 2).forget();
    scene.after(150_000);
    assert.deepEqual(scene.words, ['retire 0', 'retire 1', 'readmit 2 renewal']);
    scene.readmitted([2, 12]);
    assert.deepEqual(scene.words.at(-1), 'mint + - 1>11 2>12', 'whoever came meanwhile stays');
  });

  it('is taken up by a lagging one at once, whose answer is not held for the round', () => {
    const scene = RekeyScene.steady({ senders: [1], viewers: [2, 3] }, { ...quiet, lagLimitMs: 5_000 });
    scene
      .at(firstMs + 3_590_000)
      .demand('operator')
      .minted()
      .acknowledge(1, 1, 2)
      .confirm(1, 1);
    scene
      .at(firstMs + 3_600_000)
      .forget()
      .readmitted([3, 13])
      .after(200);
    assert.deepEqual(scene.words, ['mint + - 3>13']);
    scene.minted().acknowledge(2, 1, 2, 13).confirm(2, 1).readmitted([1, 11]).forget().after(101_000);
    assert.deepEqual(scene.of('readmit'), [{ kind: 'readmit', leases: [2], reason: 'renewal' }]);
    scene.readmitted([2, 12]);
    assert.deepEqual(scene.words.at(-1), 'mint + - 1>11 2>12', 'and it is not asked again');
  });

  it('of nobody does not begin', () => {
    const scene = RekeyScene.steady({ senders: [1] }, quiet)
      .depart('left', 1)
      .forget()
      .after(4_000_000);
    assert.deepEqual(scene.words, []);
  });

  it('of nobody is not due either after a mint that nobody was left for', () => {
    const scene = RekeyScene.steady({ senders: [1], viewers: [2] }, quiet).depart('evicted', 2);
    scene.depart('left', 1).minted().after(10_000);
    assert.equal(scene.machine.nextDeadline(), null);
  });

  it('whose members all left is over, and moves nobody', () => {
    const scene = RekeyScene.steady({ senders: [1], viewers: [2] }, quiet).at(firstMs + 3_600_000);
    scene.join(3).after(200).minted().acknowledge(1, 1, 2, 3).confirm(1, 1).forget();
    scene.depart('evicted', 1).minted().acknowledge(2, 2, 3).depart('evicted', 2);
    assert.deepEqual(scene.words.at(-1), 'mint + -2');
    assert.equal(scene.of('mint').at(-1)?.trigger, 'renewal');
    scene.minted().acknowledge(3, 3).after(5_000).forget().after(3_000_000);
    assert.deepEqual(scene.words, []);
  });

  it('wastes no mint on a join that is taken back while others are held', () => {
    const scene = RekeyScene.steady({ senders: [1, 2] }, quiet)
      .at(firstMs + 3_600_000)
      .readmitted([1, 11]);
    scene.join(3).after(50).depart('left', 3).forget().after(10_000);
    assert.deepEqual(scene.words, []);
  });
});

describe('on compromise', () => {
  it('everybody is asked at once, and moved when all have answered', () => {
    const scene = compromised();
    assert.deepEqual(scene.words, ['readmit 1,2,3,4 compromise']);
    scene.readmitted([1, 11], [2, 12], [4, 14]).after(30).readmitted([3, 13]);
    assert.deepEqual(scene.words.at(-1), 'mint + - 1>11 2>12 4>14 3>13');
    assert.equal(scene.of('mint')[0]?.trigger, 'compromise');
  });

  it('whoever does not answer in time is left behind: without a key, lagging, paused after the grace, asked again', () => {
    const scene = moving();
    assert.deepEqual(scene.of('mint')[0]?.departures, [1, 2, 3, 4]);
    scene.minted();
    assert.deepEqual(scene.words.slice(1), ['lagging 4', 'readmit 4 compromise']);
    scene.acknowledge(1, 11, 12, 13, 4).confirm(1, 11, 12);
    assert.deepEqual(scene.words.at(-1), 'activate 1', 'not waited for');
    assert.equal(scene.of('activate')[0]?.by, 'quorum');
    assert.deepEqual([scene.of('activate')[0]?.acknowledged, scene.of('activate')[0]?.missed], [3, 0]);
    scene.forget().after(30_000);
    assert.deepEqual(scene.words, ['retire 0', 'readmit 4 lagging']);
    scene.forget().readmitted([4, 14]).after(200);
    assert.deepEqual(scene.words, ['mint + - 4>14']);
    assert.deepEqual(scene.of('mint')[0]?.departures, [], 'it is in no tree');
    scene.minted().acknowledge(2, 11, 12, 13, 14);
    assert.deepEqual(scene.words.slice(1), ['activate 2', 'caughtUp 14']);
  });

  it('a sender that is left behind is paused after the grace, and may send again once it was admitted', () => {
    const scene = compromised().readmitted([1, 11], [3, 13], [4, 14]).after(2_000).minted();
    scene.acknowledge(1, 11, 13, 14).confirm(1, 11).forget().confirm(0, 2).confirm(1, 2).after(1_999);
    assert.deepEqual(scene.words, []);
    scene.after(1);
    assert.deepEqual(scene.words, ['pause 2']);
    scene.sends(false, 2).sends(true, 2).confirm(1, 2).readmitted([2, 12]).forget().after(200).minted();
    scene.acknowledge(2, 11, 13, 14, 12).confirm(2, 12, 11);
    assert.deepEqual(
      scene.words.filter((word) => word !== 'retire 0'),
      ['mint + - 2>12', 'activate 2', 'caughtUp 12', 'resume 12'],
    );
  });

  it('whoever was left behind and departs was in no tree, and is rekeyed for once more', () => {
    const scene = moving().minted().acknowledge(1, 11, 12, 13).confirm(1, 11, 12).forget();
    scene.depart('evicted', 4);
    assert.deepEqual(scene.words, ['mint + -']);
    assert.equal(scene.of('mint')[0]?.trigger, 'departure');
    scene.minted().acknowledge(2, 11, 12, 13).confirm(2, 11, 12);
    assert.deepEqual(scene.words.at(-1), 'exposed 4');
  });

  it('whoever is to be left behind and departs while that is minted is out of the tree by it', () => {
    const scene = moving().depart('evicted', 4).minted().acknowledge(1, 11, 12, 13);
    assert.deepEqual(scene.words.slice(1), ['activate 1', 'mint + -']);
    scene.minted().acknowledge(2, 11, 12, 13).confirm(2, 11, 12).forget().after(60_000);
    assert.deepEqual(scene.of('readmit'), []);
  });

  it('whoever is to be left behind and departs before a mint that fails is taken out once by the next', () => {
    const scene = moving().depart('evicted', 4).failed().after(1_000);
    assert.deepEqual(scene.words.slice(1), ['mint + -4 1>11 2>12 3>13']);
    assert.deepEqual(scene.of('mint').at(-1)?.departures, [4, 1, 2, 3]);
    scene.minted().acknowledge(1, 11, 12, 13).confirm(1, 11, 12);
    assert.deepEqual(scene.words.slice(2), ['activate 1', 'exposed 4']);
  });

  it('whoever answers after a mint failed is moved with the others', () => {
    const scene = moving().failed().after(100).readmitted([4, 14]).after(900);
    assert.deepEqual(scene.words.slice(1), ['mint + - 1>11 2>12 3>13 4>14']);
  });

  it('the last one here may be one who was left behind', () => {
    const scene = moving().minted().acknowledge(1, 11, 12, 13).depart('left', 11, 12, 13).forget();
    scene.after(250).minted();
    assert.deepEqual(scene.words, ['mint + -11,12,13', 'activate 2', 'exposed 11,12,13']);
    scene.readmitted([4, 14]).after(250).minted().acknowledge(3, 14);
    assert.deepEqual(scene.words.slice(-3), ['mint + - 4>14', 'activate 3', 'caughtUp 14']);
  });

  it('nobody need answer: all are left behind, by an epoch that nobody has', () => {
    const scene = compromised().after(2_000).minted();
    assert.deepEqual(scene.words.slice(1), [
      'mint + -1,2,3,4',
      'lagging 1',
      'lagging 2',
      'lagging 3',
      'lagging 4',
      'readmit 1,2,3,4 compromise',
      'activate 1',
    ]);
    assert.equal(scene.of('activate')[0]?.by, 'quorum');
    scene.forget().after(2_000);
    assert.deepEqual(scene.words, ['pause 1', 'pause 2']);
  });

  it('whoever waits for its first mint is admitted anew too, and gets no key by its first admission', () => {
    const scene = RekeyScene.steady({ senders: [1] }, quiet)
      .join(2)
      .demand('compromise')
      .readmitted([1, 11]);
    assert.deepEqual(scene.words, ['readmit 1,2 compromise'], '2 is waited for');
    const silent = RekeyScene.steady({ senders: [1] }, { ...quiet, joinWindowMs: 5_000 }).join(2);
    silent.demand('compromise').readmitted([1, 11]).after(2_000);
    assert.deepEqual(silent.words.slice(1), ['withdrawn 2', 'mint + - 1>11']);
    silent.minted();
    assert.deepEqual(silent.words.at(-1), 'readmit 2 compromise');
    silent.acknowledge(1, 11).confirm(1, 11).readmitted([2, 12]).forget().after(5_000).minted();
    silent.acknowledge(2, 11, 12);
    assert.deepEqual(silent.words, ['retire 0', 'mint + - 2>12', 'activate 2', 'start 12']);
  });

  it('whoever waited for its first mint, was left behind and departs, leaves nothing', () => {
    const scene = RekeyScene.steady({ senders: [1] }, { ...quiet, joinWindowMs: 5_000 }).join(2);
    scene.demand('compromise').readmitted([1, 11]).after(2_000).depart('left', 2).minted();
    scene.acknowledge(1, 11).confirm(1, 11).forget().after(60_000);
    assert.deepEqual(scene.words, ['retire 0']);
  });

  it('whoever was left without a first key is asked no more once it has one', () => {
    const scene = RekeyScene.steady({ senders: [1] }, { ...quiet, joinWindowMs: 5_000 }).join(2);
    scene.demand('compromise').readmitted([1, 11]).after(2_000).minted().acknowledge(1, 11).confirm(1, 11);
    scene.readmitted([2, 12]).after(5_000).minted().acknowledge(2, 11, 12).confirm(2, 11).forget();
    scene.after(100_000);
    assert.deepEqual(scene.of('readmit'), []);
  });

  it('whoever answers while it is being left behind is not asked again, but moved by the next', () => {
    const scene = moving().readmitted([4, 14]).forget().minted();
    assert.deepEqual(scene.words, ['lagging 4']);
    scene.acknowledge(1, 11, 12, 13).confirm(1, 11, 12).after(250);
    assert.deepEqual(scene.words.at(-1), 'mint + - 4>14');
  });

  it('whoever answers while a mint that would leave it behind fails is moved by the next, and not left behind too', () => {
    const scene = moving().readmitted([4, 14]).failed().forget().after(1_000);
    assert.deepEqual(scene.words, ['mint + - 4>14 1>11 2>12 3>13']);
    assert.deepEqual(scene.of('mint')[0]?.departures, [4, 1, 2, 3]);
    assert.equal(scene.of('mint')[0]?.trigger, 'compromise');
  });

  it('the mint that is asked for again after one that failed is of the round, though all moved alone', () => {
    const scene = new RekeyScene(quiet).join(1).demand('compromise').readmitted([1, 11]);
    scene.failed().after(1_000);
    assert.deepEqual(
      scene.of('mint').map(({ trigger }) => trigger),
      ['compromise', 'compromise'],
    );
  });

  it('a renewal that is due meanwhile does not take the place of a round whose mint fails', () => {
    const scene = RekeyScene.steady({ senders: [1, 2] }, quiet)
      .at(firstMs + 3_599_500)
      .demand('compromise');
    scene.readmitted([1, 11], [2, 12]).after(600).failed().forget().after(1_000);
    assert.deepEqual(scene.words, ['mint + - 1>11 2>12']);
    assert.equal(scene.of('mint')[0]?.trigger, 'compromise');
  });

  it('a second compromise discards what was collected and asks everybody again', () => {
    const scene = compromised().readmitted([1, 11], [2, 12]).forget().after(500).demand('compromise');
    assert.deepEqual(scene.words, ['withdrawn 11', 'withdrawn 12', 'readmit 1,2,3,4 compromise']);
    scene.readmitted([1, 21], [2, 22], [3, 23], [4, 24]);
    assert.deepEqual(scene.words.at(-1), 'mint + - 1>21 2>22 3>23 4>24');
  });

  it('a compromise during a renewal discards what that collected', () => {
    const scene = RekeyScene.steady({ senders: [1, 2] }, quiet)
      .at(firstMs + 3_600_000)
      .readmitted([1, 11]);
    scene.forget().demand('compromise').readmitted([1, 21], [2, 22]);
    assert.deepEqual(scene.words, ['withdrawn 11', 'readmit 1,2 compromise', 'mint + - 1>21 2>22']);
  });

  it('a second compromise while the first is minted follows it, for all under their new leases', () => {
    const scene = moving().demand('compromise').forget();
    assert.deepEqual(scene.words, []);
    scene.minted();
    assert.deepEqual(scene.words, ['lagging 4', 'readmit 11,12,13,4 compromise']);
    scene.acknowledge(1, 11, 12, 13).readmitted([11, 21], [12, 22], [13, 23], [4, 24]).after(250);
    assert.deepEqual(scene.words.at(-1), 'mint + - 4>24 11>21 12>22 13>23');
    assert.deepEqual(scene.of('mint')[0]?.departures.toSorted(), [11, 12, 13]);
  });

  it('a second compromise while a mint is in flight that fails discards its moves', () => {
    const scene = moving().demand('compromise').forget().failed();
    assert.deepEqual(scene.words, [
      'withdrawn 11',
      'withdrawn 12',
      'withdrawn 13',
      'readmit 1,2,3,4 compromise',
    ]);
    scene.after(1_500).readmitted([1, 21], [2, 22], [3, 23]).forget().after(500);
    assert.deepEqual(scene.words, ['mint + -4 1>21 2>22 3>23']);
    assert.deepEqual(scene.of('mint')[0]?.departures, [1, 2, 3, 4]);
  });

  it('a compromise while a lagging one is moved by a mint that fails discards that move', () => {
    const scene = RekeyScene.steady({ senders: [1, 2] }, quiet)
      .readmitted([2, 12])
      .after(200);
    scene.demand('compromise').forget().failed();
    assert.deepEqual(scene.words, ['withdrawn 12', 'readmit 1,2 compromise']);
    scene.readmitted([1, 11]).forget().after(2_000);
    assert.deepEqual(scene.words, ['mint + -2 1>11']);
    assert.deepEqual(scene.of('mint')[0]?.departures, [1, 2]);
  });

  it('an eviction during the collection is minted for at once, and the round is due as it was', () => {
    const scene = compromised().readmitted([1, 11], [3, 13]).depart('evicted', 4).forget();
    scene.minted().acknowledge(1, 1, 2, 3).confirm(1, 1, 2);
    assert.deepEqual(scene.words, ['activate 1', 'exposed 4']);
    scene.after(2_000);
    assert.deepEqual(scene.words.at(-1), 'mint + -2 1>11 3>13');
    assert.deepEqual(scene.of('mint')[0]?.departures, [1, 3, 2]);
  });

  it('those who depart while all are moved are taken out under their new leases', () => {
    const scene = moving().depart('evicted', 1).depart('left', 3).minted();
    scene.acknowledge(1, 12).confirm(1, 12);
    assert.deepEqual(scene.words.at(-1), 'mint + -11,13');
  });

  it('an emptied meeting has no round left, in whatever state it was', () => {
    const collecting = compromised().readmitted([1, 11]).depart('left', 1, 2, 3, 4).forget();
    collecting.after(10_000_000);
    assert.deepEqual(collecting.words, []);
    const minting = moving().depart('left', 1, 2, 3, 4);
    minting.failed().forget().after(10_000).join(5).after(200);
    assert.deepEqual(minting.words, ['mint +5 -1,2,3,4']);
    const minted = moving().depart('left', 1, 2, 3, 4).minted().forget().join(5).after(200);
    assert.deepEqual(minted.words, ['mint +5 -11,12,13']);
  });

  it('a newcomer after a meeting emptied while all were moved is in no round', () => {
    const scene = moving().depart('left', 1, 2, 3, 4).join(5).failed().forget().after(1_000);
    assert.deepEqual(scene.words, ['mint +5 -1,2,3,4']);
    assert.equal(scene.of('mint')[0]?.trigger, 'joinAndDeparture');
  });

  it('a thousand are moved by one rekey', () => {
    const everybody = leases(1, 1_000);
    const scene = RekeyScene.steady({ senders: [1], viewers: leases(2, 1_000) }, quiet).demand('compromise');
    for (const lease of everybody) scene.readmitted([lease, lease + 1_000]);
    assert.equal(scene.of('mint')[0]?.moves.length, 1_000);
    scene
      .minted()
      .acknowledge(1, ...leases(1_001, 2_000))
      .confirm(1, 1_001);
    assert.deepEqual(scene.of('activate')[0]?.acknowledged, 981, 'the quorum');
    scene.after(5_000).assertCalm();
  });
});
