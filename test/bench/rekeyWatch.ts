// Loaded before the server (`node --import`): tells over IPC what became of a rekey, by looking on at what the rekey machine is told
// and what it tells. The server is otherwise as it is.

import { KeyDelivery } from '../../src/meeting/keyDelivery.ts';
import { RekeyMachine } from '../../src/keys/rekey.ts';
import type { RekeyInput, RekeyOutput } from '../../src/keys/rekey.ts';
import { answerBy } from './childProcess.ts';
import './dataFolder.ts';
import { Settling } from './settling.ts';
import type { Settled } from './settling.ts';

export interface WatchedRekey extends Settled {
  /** From the question to the custodian, in milliseconds. */
  readonly mintedMs: number;
  readonly lastAcknowledgementMs: number;
  readonly activatedMs: number;
  readonly acknowledgements: number;
  readonly confirmations: number;
  /** Of the message that everybody gets. */
  readonly bytes: number;
  /** 1, or two rekeys were taken for one. */
  readonly mints: number;
}

const settling = new Settling();
const nothing: Omit<WatchedRekey, keyof Settled> = {
  mintedMs: 0,
  lastAcknowledgementMs: 0,
  activatedMs: 0,
  acknowledgements: 0,
  confirmations: 0,
  bytes: 0,
  mints: 0,
};
let seen = { ...nothing };
let watching = false;
let expected = 0;

const told = (input: RekeyInput): void => {
  if (input.kind === 'minted') seen = { ...seen, mintedMs: settling.elapsedMs };
  else if (input.kind === 'acknowledged') {
    seen = {
      ...seen,
      acknowledgements: seen.acknowledgements + 1,
      lastAcknowledgementMs: settling.elapsedMs,
    };
  } else if (input.kind === 'confirmed') seen = { ...seen, confirmations: seen.confirmations + 1 };
};

const tells = ({ kind }: RekeyOutput): void => {
  if (kind === 'mint') {
    if (seen.mints === 0) settling.start();
    seen = { ...seen, mints: seen.mints + 1 };
  } else if (kind === 'activate') seen = { ...seen, activatedMs: settling.elapsedMs };
};

/** Only those who send confirm; what they still say comes within the quiet that follows. */
const come = (): 'more' | 'all' =>
  seen.acknowledgements < expected || seen.activatedMs === 0 ? 'more' : 'all';

// Prototypes are what a looker-on can get hold of: the server makes its machines itself.
const step = Reflect.get(RekeyMachine.prototype, 'step');
RekeyMachine.prototype.step = function watchedStep(input, nowMs) {
  const outputs = step.call(this, input, nowMs);
  if (watching) {
    told(input);
    outputs.forEach(tells);
    if (seen.mints > 0 && input.kind !== 'tick') settling.step(come());
  }
  return outputs;
};

const minted = Reflect.get(KeyDelivery.prototype, 'minted');
KeyDelivery.prototype.minted = function watchedMinted(...call) {
  seen = { ...seen, bytes: call[0].rekey?.length ?? 0 };
  return minted.apply(this, call);
};

answerBy(
  {
    /** Answered when the next rekey is over, or does not get on: when so many have acknowledged it, it is active and nobody says more. */
    watch: async ({ participants }: { participants: number }): Promise<WatchedRekey> => {
      expected = participants;
      seen = { ...nothing };
      watching = true;
      const settled = await settling.over();
      watching = false;
      return { ...seen, ...settled };
    },
  },
  () => process.kill(process.pid, 'SIGTERM'),
);
