// Rekeys without anybody's coming or going: at intervals, and because the operator asks.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RekeyScene } from './rekeyScene.ts';

/** Of `RekeyScene.steady`: when its epoch 0 was asked for. */
const firstMs = 200;

describe('an interval', () => {
  it('counts from the last mint that was answered, whatever it was for', () => {
    const scene = RekeyScene.steady({ senders: [1], viewers: [2] }).at(firstMs + 299_999);
    assert.deepEqual(scene.words, []);
    scene.after(1).minted();
    assert.deepEqual(scene.words, ['mint + -']);
    assert.equal(scene.of('mint')[0]?.trigger, 'interval');
    scene.acknowledge(1, 1, 2).confirm(1, 1).forget().after(1_000);
    scene.join(3).after(200);
    const againAtMs = scene.nowMs + 300_000;
    scene.minted().acknowledge(2, 1, 2, 3).confirm(2, 1).forget();
    scene.at(againAtMs - 1);
    assert.deepEqual(scene.of('mint'), []);
    scene.at(againAtMs);
    assert.deepEqual(scene.of('mint')[0]?.trigger, 'interval');
  });

  it('whose mint fails is asked for again after a while, and not an interval later', () => {
    const scene = RekeyScene.steady({ senders: [1] })
      .at(firstMs + 300_000)
      .after(30)
      .failed();
    scene.after(999);
    assert.equal(scene.of('mint').length, 1);
    scene.after(1);
    assert.deepEqual(
      scene.of('mint').map(({ trigger }) => trigger),
      ['interval', 'interval'],
    );
    scene.minted().acknowledge(1, 1).confirm(1, 1).after(60_000);
    assert.equal(scene.of('mint').length, 2);
  });

  it('is nobody’s where nobody is, and does not hurry whoever comes next', () => {
    const scene = RekeyScene.steady({ senders: [1] })
      .depart('left', 1)
      .forget()
      .after(1_000_000);
    assert.deepEqual(scene.words, []);
    assert.equal(scene.machine.nextDeadline(), null);
    scene.join(2).after(199);
    assert.deepEqual(scene.words, []);
    scene.after(1);
    assert.deepEqual(scene.words, ['mint +2 -1']);
  });

  it('does not hurry whoever comes after a mint that nobody was left for', () => {
    const scene = RekeyScene.steady({ senders: [1], viewers: [2] })
      .depart('evicted', 2)
      .depart('left', 1);
    scene.after(20).minted().forget().after(1_000_000).join(3).after(199);
    assert.deepEqual(scene.of('mint'), []);
    scene.after(1);
    assert.deepEqual(scene.of('mint')[0]?.departures, [1]);
  });

  it('waits while the custodian is gone', () => {
    const scene = RekeyScene.steady({ senders: [1] })
      .custodianLost()
      .after(400_000);
    assert.deepEqual(scene.words, []);
    assert.equal(scene.machine.nextDeadline(), null);
  });
});

describe('the operator', () => {
  it('gets a new epoch at once, for nobody’s coming or going', () => {
    const scene = RekeyScene.steady({ senders: [1, 2] }).demand('operator');
    assert.deepEqual(scene.words, ['mint + -']);
    assert.equal(scene.of('mint')[0]?.trigger, 'operator');
    scene.minted().acknowledge(1, 1, 2).confirm(1, 1, 2);
    assert.deepEqual(scene.words, ['mint + -', 'activate 1']);
    assert.deepEqual(scene.of('settled'), [{ kind: 'settled', epoch: 1 }]);
  });

  it('is served with those who come and go, whose names it then bears', () => {
    const scene = RekeyScene.steady({ senders: [1, 2] })
      .join(3)
      .depart('left', 2)
      .demand('operator');
    assert.deepEqual(scene.words, ['mint +3 -2']);
    assert.equal(scene.of('mint')[0]?.trigger, 'joinAndDeparture');
  });

  it('waits for the rekey in flight and for the spacing, and gets an epoch of its own', () => {
    const scene = RekeyScene.steady({ senders: [1] })
      .join(2)
      .after(200)
      .demand('operator')
      .demand('operator');
    assert.equal(scene.machine.again, true);
    scene.after(20).minted().acknowledge(1, 1, 2).after(229);
    assert.equal(scene.of('mint').length, 1);
    scene.after(1);
    assert.deepEqual(
      scene.of('mint').map(({ trigger }) => trigger),
      ['join', 'operator'],
    );
    scene.minted().acknowledge(2, 1, 2).after(10_000);
    assert.equal(scene.of('mint').length, 2);
  });

  it('is asked for again when the mint fails', () => {
    const scene = RekeyScene.steady({ senders: [1] })
      .demand('operator')
      .failed()
      .after(1_000);
    assert.deepEqual(
      scene.of('mint').map(({ trigger }) => trigger),
      ['operator', 'operator'],
    );
  });

  it('gets none where nobody is, and none for those who left before it was minted', () => {
    const empty = new RekeyScene().demand('operator').demand('compromise').after(10_000);
    assert.deepEqual(empty.words, []);
    const scene = RekeyScene.steady({ senders: [1] })
      .join(2)
      .after(200)
      .demand('operator');
    scene.depart('left', 1).depart('left', 2).minted().forget().after(10_000);
    assert.deepEqual(scene.of('mint'), []);
    scene.join(3).after(200);
    assert.equal(scene.of('mint')[0]?.trigger, 'joinAndDeparture');
  });
});
