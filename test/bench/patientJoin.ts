// Joining in a storm of joins, from a process that makes a storm: an answer takes longer there than a client would wait for one.

import type { AgentCrypto } from '../../src/client/session/agentCrypto.ts';
import { systemClock } from '../../src/client/session/clock.ts';
import type { Clock } from '../../src/client/session/clock.ts';
import { joinWith } from '../../src/client/session/nodeParticipant.ts';
import type { NodeParticipant } from '../../src/client/session/nodeParticipant.ts';
import { LatchkeyError } from '../../src/protocol/errors.ts';
import { timers } from '../../src/protocol/timers.ts';

const joinAttempts = 3;

/** Other times stay as they are. */
const patience = 30;
const patientClock: Clock = {
  ...systemClock,
  after: (ms, fn) => systemClock.after(ms === timers.joinTimeoutMs.default ? patience * ms : ms, fn),
};

/** A kept-alive connection may be closed at its other end in the moment in which it is used again: then the token is as good as before. */
export const patientJoin = async <Secret, Key>(
  crypto: AgentCrypto<Secret, Key>,
  url: string,
  token: string,
): Promise<NodeParticipant<Secret, Key>> => {
  for (let left = joinAttempts; ; left--) {
    try {
      return await joinWith(crypto, { url, token, clock: patientClock });
    } catch (thrown) {
      if (left <= 1 || !(thrown instanceof LatchkeyError) || thrown.code !== 'connection_lost') throw thrown;
    }
  }
};
