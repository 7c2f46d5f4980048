// A participant without media, in Node: joins, holds keys, acknowledges, follows every epoch. Load generators give it transports, tests
// look at what a participant may know.

import type { AgentCrypto } from './agentCrypto.ts';
import { systemClock } from './clock.ts';
import { connect } from './connect.ts';
import type { ConnectOptions } from './connect.ts';
import { LocalKeyAgent } from './localKeyAgent.ts';
import { createNodeAgentCrypto } from './nodeAgentCrypto.ts';
import type { Session } from './session.ts';

export interface NodeParticipant<Secret, Key> {
  readonly session: Session;
  /** Seals and opens frames. */
  readonly agent: LocalKeyAgent<Secret, Key>;
}

type Options = Omit<ConnectOptions, 'keyAgent' | 'encodedTransforms'>;

/** @throws as `connect`. */
export const joinFromNode = (options: Options): Promise<NodeParticipant<Buffer, Buffer>> =>
  joinWith(createNodeAgentCrypto(), options);

/** With cryptography of the caller's own, through which every key passes that this participant ever holds. */
export const joinWith = async <Secret, Key>(
  crypto: AgentCrypto<Secret, Key>,
  options: Options,
): Promise<NodeParticipant<Secret, Key>> => {
  const agent = new LocalKeyAgent(crypto, options.clock ?? systemClock);
  // Its frames pass through the agent, or it has none.
  const session = await connect({ ...options, keyAgent: agent, encodedTransforms: true });
  return { session, agent };
};
