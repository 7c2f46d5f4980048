// Ledgers that were signed by the server and never changed, and tell what cannot have happened: a server that errs is found out, too.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nodeLedgerTools } from '../../src/cli/nodeLedgerTools.ts';
import { verifyLedger } from '../../src/keys/ledgerVerifier.ts';
import { epochId, lease } from '../../src/protocol/names.ts';
import { LedgerScene, newSigner } from './ledgerScene.ts';

const signer = newSigner();

const begin = (): LedgerScene => new LedgerScene(signer, 1).join('ada', 1).join('bob', 2);
/** Line 3 is the first epoch. */
const keyed = (): LedgerScene => begin().mint(2);
const active = (): LedgerScene => keyed().activate(0, 2);

const settle = (scene: LedgerScene, epoch: number): LedgerScene => {
  scene.ledger.append({ type: 'settled', epoch: epochId(epoch) });
  return scene;
};

const gate = (
  scene: LedgerScene,
  type: 'paused' | 'resumed',
  participant: string,
  epoch = 0,
): LedgerScene => {
  scene.ledger.append({ type, participant, epoch: epochId(epoch) });
  return scene;
};

const move = (scene: LedgerScene, participant: string, from: number, to: number): LedgerScene => {
  scene.ledger.append({ type: 'moved', participant, from: lease(from), to: lease(to) });
  return scene;
};

const share = (scene: LedgerScene, epoch: number, leases = 1): LedgerScene => {
  scene.ledger.append({ type: 'shared', epoch: epochId(epoch), leases });
  return scene;
};

const expose = (
  scene: LedgerScene,
  participant: string,
  of: number,
  epoch: number | null = 0,
): LedgerScene => {
  scene.ledger.append({
    type: 'exposed',
    participant,
    lease: lease(of),
    cause: 'left',
    epoch: epoch === null ? null : epochId(epoch),
    exposureMs: 1,
  });
  return scene;
};

const end = (scene: LedgerScene): LedgerScene => {
  scene.ledger.end('meetingEnded');
  return scene;
};

/** What the last line of each does that cannot be, and as what it is found. */
const impossible: Readonly<Record<string, readonly [code: 'story' | 'epoch_order', LedgerScene]>> = {
  'joins twice': ['story', begin().join('ada', 3)],
  'joins again after leaving': ['story', begin().leave('ada', 1).join('ada', 3)],
  'a lease given twice': ['story', begin().join('cleo', 2)],
  'a lease given again': ['story', begin().leave('ada', 1).join('cleo', 1)],
  'leaves and never joined': ['story', begin().leave('cleo', 3)],
  'leaves twice': ['story', begin().leave('ada', 1).leave('ada', 1)],
  "leaves with another's lease": ['story', begin().leave('ada', 2)],
  'leaves with the lease that it moved from': ['story', move(begin(), 'ada', 1, 3).leave('ada', 1)],
  'moves from a lease that it has not': ['story', move(begin(), 'ada', 2, 3)],
  "moves to another's lease": ['story', move(begin(), 'ada', 1, 2)],
  'moves to a lower lease': ['story', move(begin().join('cleo', 9), 'cleo', 9, 5)],
  'an epoch left out': [
    'epoch_order',
    ((scene) => {
      const asked = scene.ledger.head;
      scene.ledger.minted(scene.answer(asked, 'join', 1), asked, 2);
      return scene;
    })(begin()),
  ],
  'an epoch minted twice': [
    'epoch_order',
    ((scene) => {
      const asked = scene.ledger.head;
      scene.ledger.minted(scene.answer(asked, 'join', 0), asked, 2);
      return scene;
    })(keyed()),
  ],
  'an epoch that covers less than the one before': [
    'epoch_order',
    ((scene) => {
      const asked = scene.ledger.head;
      return scene.mint(2).mint(2, asked);
    })(begin()),
  ],
  'an epoch that covers what is not there yet': [
    'epoch_order',
    begin().mint(2, { lines: 9, hash: new Uint8Array(32) }),
  ],
  'more messages handed out than people': ['story', begin().mint(3)],
  'activated and not minted': ['epoch_order', begin().activate(0)],
  'activated twice': ['epoch_order', active().activate(0)],
  'activated after a later one': ['epoch_order', keyed().mint(2).activate(1).activate(0)],
  'activated and retired already': ['epoch_order', active().mint(2).activate(1).retire(0).activate(0)],
  'more acknowledged than people': ['story', keyed().activate(0, 3)],
  'settled before it is active': ['epoch_order', settle(keyed(), 0)],
  'settled twice': ['epoch_order', settle(settle(active(), 0), 0)],
  'settled after a later one': ['epoch_order', settle(settle(active().mint(2).activate(1), 1), 0)],
  'settled and retired already': ['epoch_order', settle(active().mint(2).activate(1).retire(0), 0)],
  'retired and not minted': ['epoch_order', begin().retire(0)],
  'retired before an earlier one': ['epoch_order', active().mint(2).activate(1).retire(1)],
  'retired twice': ['epoch_order', active().mint(2).activate(1).retire(0).retire(0)],
  'minted after an epoch went that was never active': ['epoch_order', keyed().retire(0).mint(2)],
  'activated after an epoch went that was never active': [
    'epoch_order',
    keyed().mint(2).retire(0).activate(1),
  ],
  'shared where every join makes an epoch': ['story', share(keyed(), 0)],
  'shared and not the newest': [
    'epoch_order',
    share(new LedgerScene(signer, 1, 'first').join('ada', 1).mint(1).mint(1), 0),
  ],
  'shared and nothing minted': ['epoch_order', share(new LedgerScene(signer, 1, 'first').join('ada', 1), 0)],
  'shared with more than are here': [
    'story',
    share(new LedgerScene(signer, 1, 'never').join('ada', 1).mint(1), 0, 2),
  ],
  'exposed and still here': ['story', expose(keyed(), 'ada', 1)],
  'exposed twice': ['story', expose(expose(keyed().leave('ada', 1), 'ada', 1), 'ada', 1)],
  "exposed with another's lease": ['story', expose(keyed().leave('ada', 1), 'ada', 2)],
  'exposed for another cause': ['story', expose(keyed().leave('ada', 1, 'lost'), 'ada', 1)],
  'exposed until an epoch that is not there': ['epoch_order', expose(keyed().leave('ada', 1), 'ada', 1, 1)],
  'paused for an epoch that is not active': ['epoch_order', gate(keyed(), 'paused', 'ada')],
  'paused for an epoch that is not there': ['epoch_order', gate(active(), 'paused', 'ada', 1)],
  'paused and not here': ['story', gate(active(), 'paused', 'cleo')],
  'paused twice': ['story', gate(gate(active(), 'paused', 'ada'), 'paused', 'ada')],
  'resumed and never paused': ['story', gate(active(), 'resumed', 'ada')],
  'ended while somebody is here': ['story', end(active().leave('ada', 1))],
  'ended while an epoch lives': ['epoch_order', end(active().leave('ada', 1).leave('bob', 2))],
};

describe('what cannot have happened is found at its line', () => {
  for (const [what, [code, scene]] of Object.entries(impossible)) {
    it(what, () => {
      const found = verifyLedger(scene.text, nodeLedgerTools);
      assert.ok(!found.ok, 'nothing was found');
      assert.deepEqual([found.line, found.code], [scene.lines.length - 1, code], found.message);
      // And without it there is nothing wrong.
      assert.ok(verifyLedger(`${scene.lines.slice(0, -1).join('\n')}\n`, nodeLedgerTools).ok);
    });
  }

  it('a lease that was given earlier may come in later; an epoch may end with the meeting before it was active', () => {
    const scene = new LedgerScene(signer, 1).join('bob', 2).join('ada', 1);
    expose(scene.mint(2).leave('ada', 1), 'ada', 1, null);
    scene.leave('bob', 2).retire(0).close();
    assert.ok(verifyLedger(scene.text, nodeLedgerTools).ok);
  });

  it('all that may happen to somebody who stays', () => {
    const scene = gate(gate(gate(active(), 'paused', 'ada'), 'resumed', 'ada'), 'paused', 'ada');
    const moved = move(settle(scene, 0), 'ada', 1, 3);
    moved.ledger.append({ type: 'restarted' });
    moved.mint(2, moved.ledger.head, 'restart').activate(1, 2);
    gate(moved, 'resumed', 'ada', 1).leave('ada', 3).leave('bob', 2).retire(0).retire(1).close();
    assert.ok(verifyLedger(moved.text, nodeLedgerTools).ok);
  });
});
