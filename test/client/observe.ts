// Waiting for what is to happen, by watching for it.

import { setImmediate } from 'node:timers/promises';
import type { Session, SessionEvents } from '../../src/client/session/session.ts';

/** The next such event. */
export const next = <E extends keyof SessionEvents>(
  session: Session,
  event: E,
  matches: (data: SessionEvents[E]) => boolean = () => true,
): Promise<SessionEvents[E]> =>
  new Promise((resolve) => {
    const off = session.on(event, (data) => {
      if (!matches(data)) return;
      off();
      resolve(data);
    });
  });

/** The epoch in use is this one, now or soon. */
export const inEpoch = async (session: Session, epoch: number): Promise<void> => {
  if (session.epoch?.epoch !== epoch) await next(session, 'epoch', (state) => state.epoch === epoch);
};

/** The code with which it fails. */
export const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return 'ok';
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown);
  }
};

/** Looks until it is so; the test's time-out bounds the wait. */
export const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await holds())) await setImmediate();
};
