// A process of participants, to be run at the far end of a road: it holds a BadMeeting, says its figures over IPC and ends; with 0 where
// all held.

import { mediaPeersEnded } from '../../src/load/mediaPeer.ts';
import { BadMeeting } from './badMeeting.ts';
import type { BadMeetingOptions } from './badMeeting.ts';

export interface Orders extends Omit<BadMeetingOptions, 'serverOutput'> {
  readonly churnMs: number;
}

/** Outputs are asked for when they are wanted. */
export type FromAfar =
  | { readonly kind: 'figures'; readonly figures: string }
  | { readonly kind: 'outputWanted' }
  | { readonly kind: 'failed'; readonly why: string };

export type ToAfar =
  | { readonly kind: 'orders'; readonly orders: Orders }
  | { readonly kind: 'output'; readonly output: string };

const say = (message: FromAfar): void => void process.send?.(message);

const next = <K extends ToAfar['kind']>(kind: K): Promise<Extract<ToAfar, { kind: K }>> =>
  new Promise((resolve) => {
    const heard = (message: ToAfar): void => {
      if (message.kind !== kind) return;
      process.off('message', heard);
      resolve(message as Extract<ToAfar, { kind: K }>);
    };
    process.on('message', heard);
  });

const hold = async (): Promise<void> => {
  const { orders } = await next('orders');
  const serverOutput = async (): Promise<string> => {
    const output = next('output');
    say({ kind: 'outputWanted' });
    return (await output).output;
  };
  const meeting = await BadMeeting.begin({ ...orders, serverOutput });
  try {
    await meeting.churn(orders.churnMs);
    await meeting.end((figures) => say({ kind: 'figures', figures }));
  } finally {
    meeting.close();
  }
};

try {
  await hold();
} catch (thrown) {
  say({ kind: 'failed', why: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) });
  process.exitCode = 1;
} finally {
  await mediaPeersEnded();
  process.disconnect?.();
}
