// The custodian is lost, and another one comes: nobody is in any tree, media go on, and one rekey gives everybody a key.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RekeyScene } from './rekeyScene.ts';

const steady = (): RekeyScene => RekeyScene.steady({ senders: [1, 2], viewers: [3] });

describe('while the custodian is gone', () => {
  it('nothing is minted, and nobody is asked', () => {
    const scene = steady().custodianLost().join(4).depart('evicted', 3).demand('operator').after(100_000);
    assert.deepEqual(scene.words, []);
    assert.equal(scene.machine.nextDeadline(), null);
  });

  it('the epoch in flight is activated, confirmed and its predecessor retired as ever', () => {
    const scene = steady().join(4).after(200).minted().custodianLost().forget();
    scene.acknowledge(1, 1, 2, 3, 4).confirm(1, 1).after(60_000);
    assert.deepEqual(scene.words, ['activate 1', 'start 4', 'pause 2', 'retire 0']);
  });

  it('whoever joins and leaves was at no custodian', () => {
    const scene = steady().custodianLost().join(4).depart('left', 4).custodianBack();
    assert.deepEqual(scene.words, ['readmit 1,2,3 restart']);
  });

  it('an answer to what was asked before is of no use', () => {
    const scene = steady().demand('compromise').custodianLost().readmitted([1, 11]).forget().custodianBack();
    assert.deepEqual(scene.words, ['readmit 1,2,3 restart']);
    scene.readmitted([1, 21], [2, 22], [3, 23]);
    assert.deepEqual(scene.words.at(-1), 'mint + - 1>21 2>22 3>23');
  });
});

describe('when another is there', () => {
  it('everybody is asked, and moved by one rekey, which takes nobody out of its tree', () => {
    const scene = steady().custodianLost().after(400).custodianBack();
    assert.deepEqual(scene.words, ['readmit 1,2,3 restart']);
    scene.after(100).readmitted([1, 11], [2, 12], [3, 13]);
    assert.deepEqual(scene.of('mint'), [
      {
        kind: 'mint',
        joins: [11, 12, 13],
        departures: [],
        trigger: 'restart',
        share: false,
        moves: [
          { from: 1, to: 11 },
          { from: 2, to: 12 },
          { from: 3, to: 13 },
        ],
      },
    ]);
    scene.minted().acknowledge(1, 11, 12, 13).confirm(1, 11, 12).forget().after(5_000);
    assert.deepEqual(scene.words, ['retire 0']);
    scene.assertCalm();
    scene.depart('evicted', 12);
    assert.deepEqual(scene.words.at(-1), 'mint + -12');
  });

  it('nothing is minted before all answered or the deadline passed, evictions included', () => {
    const scene = steady().custodianLost().custodianBack().readmitted([1, 11]).forget();
    scene.depart('evicted', 3).join(4).demand('operator').after(1_999);
    assert.deepEqual(scene.words, []);
    scene.after(1);
    assert.deepEqual(scene.words, ['mint +4 - 1>11']);
    scene.minted().acknowledge(1, 11, 4);
    assert.deepEqual(scene.words.slice(1), ['lagging 2', 'readmit 2 restart', 'activate 1', 'start 4']);
    scene.confirm(1, 11).after(500);
    assert.deepEqual(scene.words.slice(-2), ['pause 2', 'exposed 3']);
  });

  it('whoever joined before it was lost and was not minted for is asked and moved like all', () => {
    const scene = steady().join(4).custodianLost().custodianBack();
    assert.deepEqual(scene.words, ['readmit 1,2,3,4 restart']);
    scene.readmitted([4, 14], [1, 11], [2, 12], [3, 13]);
    assert.deepEqual(scene.words.at(-1), 'mint + - 4>14 1>11 2>12 3>13');
    scene.minted().acknowledge(1, 11, 12, 13, 14);
    assert.deepEqual(scene.words.slice(-2), ['activate 1', 'start 14']);
  });

  it('whoever was not minted for and does not answer is asked again', () => {
    const scene = steady().join(4).custodianLost().custodianBack();
    scene.readmitted([1, 11], [2, 12], [3, 13]).forget().after(2_000).minted();
    assert.deepEqual(scene.words, ['mint + - 1>11 2>12 3>13', 'readmit 4 restart']);
    scene.acknowledge(1, 11, 12, 13).confirm(1, 11, 12).forget().after(30_000);
    assert.deepEqual(scene.of('readmit'), [{ kind: 'readmit', leases: [4], reason: 'lagging' }]);
    scene.readmitted([4, 14]).forget().after(200);
    assert.deepEqual(scene.words, ['mint + - 4>14']);
  });

  it('a mint that fails is asked for again with all its moves', () => {
    const scene = steady().custodianLost().custodianBack().readmitted([1, 11], [2, 12], [3, 13]);
    scene.failed().forget().depart('left', 3).after(1_000);
    assert.deepEqual(scene.words, ['withdrawn 13', 'mint + - 1>11 2>12']);
    scene.minted().acknowledge(1, 11, 12).confirm(1, 11, 12);
    assert.deepEqual(scene.words.slice(2), ['activate 1', 'exposed 3']);
  });

  it('those who depart while all are moved leave the new tree', () => {
    const scene = steady().custodianLost().custodianBack().readmitted([1, 11], [2, 12], [3, 13]);
    scene.forget().depart('evicted', 3).minted().acknowledge(1, 11, 12).confirm(1, 11, 12);
    assert.deepEqual(scene.words, ['activate 1', 'mint + -13']);
    const failed = steady().custodianLost().custodianBack().readmitted([1, 11], [2, 12], [3, 13]);
    failed.forget().depart('evicted', 3).failed().after(1_000);
    assert.deepEqual(failed.words, ['withdrawn 13', 'mint + - 1>11 2>12']);
  });

  it('a compromise during the collection discards what was collected', () => {
    const scene = steady().custodianLost().custodianBack().readmitted([1, 11]).forget().demand('compromise');
    assert.deepEqual(scene.words, ['withdrawn 11', 'readmit 1,2,3 compromise']);
    scene.readmitted([1, 21], [2, 22], [3, 23]);
    assert.deepEqual(scene.words.at(-1), 'mint + - 1>21 2>22 3>23');
    assert.deepEqual(scene.of('mint')[0]?.departures, []);
  });

  it('it may be lost again, in whatever state', () => {
    const collecting = steady().custodianLost().custodianBack().readmitted([1, 11]).custodianLost();
    collecting.forget().custodianBack();
    assert.deepEqual(collecting.words, ['readmit 1,2,3 restart']);
    const minting = steady().custodianLost().custodianBack().readmitted([1, 11], [2, 12], [3, 13]);
    minting.custodianLost().forget().custodianBack().readmitted([1, 21], [2, 22], [3, 23]);
    assert.deepEqual(minting.words, ['readmit 1,2,3 restart', 'mint + - 1>21 2>22 3>23']);
  });

  it('without anybody here, nothing is asked, and whoever comes next is minted for', () => {
    const scene = steady()
      .custodianLost()
      .depart('left', 1, 2, 3)
      .custodianBack()
      .forget()
      .join(4)
      .after(200);
    assert.deepEqual(scene.words, ['mint +4 -']);
    const emptied = steady().custodianLost().custodianBack().depart('left', 1, 2, 3).forget();
    emptied.after(10_000).join(4).after(200);
    assert.deepEqual(emptied.words, ['mint +4 -']);
    const later = steady().custodianLost().depart('left', 1, 2, 3).join(4).custodianBack().forget();
    later.readmitted([4, 14]);
    assert.deepEqual(later.words, ['mint + - 4>14']);
  });

  it('those of before may all leave while a newcomer stays', () => {
    const scene = steady().custodianLost().custodianBack().join(4).depart('left', 1, 2, 3);
    assert.deepEqual(scene.words.slice(1), ['mint +4 -'], 'nobody is left to wait for');
    const minting = steady().custodianLost().custodianBack().readmitted([1, 11], [2, 12], [3, 13]);
    minting.join(4).depart('left', 1, 2, 3).failed().forget().after(1_000);
    assert.deepEqual(minting.words, ['mint +4 -']);
    minting.minted().acknowledge(1, 4);
    assert.deepEqual(minting.words.slice(1), ['activate 1', 'start 4', 'exposed 1,2,3']);
  });
});

describe('a mint in flight when the custodian is lost', () => {
  it('has failed, with whoever it was to take in or out', () => {
    const scene = steady().join(4).depart('left', 3).after(200).custodianLost().forget().custodianBack();
    assert.deepEqual(scene.words, ['readmit 1,2,4 restart']);
    scene.readmitted([1, 11], [2, 12], [4, 14]);
    assert.deepEqual(scene.words.at(-1), 'mint + - 4>14 1>11 2>12');
    scene.minted().acknowledge(1, 11, 12, 14).confirm(1, 11, 12);
    assert.deepEqual(scene.words.slice(2), ['activate 1', 'start 14', 'exposed 3']);
  });

  it('leaves no trace of who joined and left meanwhile, moved or not', () => {
    const scene = steady().join(4, 5).readmitted([5, 15]).after(200).depart('left', 4, 5).custodianLost();
    scene.forget().custodianBack().readmitted([1, 11], [2, 12], [3, 13]);
    assert.deepEqual(scene.words, ['readmit 1,2,3 restart', 'mint + - 1>11 2>12 3>13']);
    scene.minted().acknowledge(1, 11, 12, 13).confirm(1, 11, 12).forget().after(60_000);
    assert.deepEqual(scene.of('exposed'), []);
    scene.assertCalm();
  });

  it('that left some behind is forgotten with its round', () => {
    const scene = steady().demand('compromise').readmitted([1, 11]).after(2_000).custodianLost();
    scene.forget().custodianBack().readmitted([1, 21], [2, 22], [3, 23]);
    assert.deepEqual(scene.words, ['readmit 1,2,3 restart', 'mint + - 1>21 2>22 3>23']);
  });

  it('when nobody was left is minted for nobody, until somebody comes', () => {
    const scene = steady()
      .demand('operator')
      .depart('left', 1, 2, 3)
      .custodianLost()
      .custodianBack()
      .forget();
    assert.equal(scene.after(100_000).machine.nextDeadline(), null);
    assert.deepEqual(scene.words, []);
    assert.deepEqual(scene.join(4).after(200).words, ['mint +4 -']);
  });

  it('is answered by nobody', () => {
    const scene = steady().join(4).after(200).custodianLost();
    assert.throws(() => scene.minted(), RangeError);
    assert.deepEqual(scene.forget().failed().words, []);
  });
});
