// A participant in Node whose keys the test sees, since it wraps the cryptography that the participant is handed: nothing in the
// product gives a key away.

import type { AgentCrypto } from '../../src/client/session/agentCrypto.ts';
import { createNodeAgentCrypto } from '../../src/client/session/nodeAgentCrypto.ts';
import { joinWith } from '../../src/client/session/nodeParticipant.ts';
import type { Session } from '../../src/client/session/session.ts';
import type { OpeningKeys } from '../../src/keys/keyStore.ts';
import { equalBytes } from '../../src/protocol/bytes.ts';

/** Every secret that went through its hands. */
export interface HeldKeys {
  /** Epoch → M_e, in the order in which they came. */
  readonly session: Map<number, Uint8Array>;
  /** Epoch → its epoch secret: KDF of M_e and the chain, from which base key and fingerprint come. */
  readonly epochs: Map<number, Uint8Array>;
  /** Keys of the tree, before and after each step. */
  readonly tree: Uint8Array[];
}

type EpochState = NonNullable<Session['epoch']>;

export interface NodeParticipant {
  readonly session: Session;
  readonly held: HeldKeys;
  /** Resolves with the first epoch, now or to come, for which it is true. */
  epochWhere(matches: (state: EpochState) => boolean): Promise<EpochState>;
}

const recording = (inner: OpeningKeys<Uint8Array>, held: HeldKeys): OpeningKeys<Uint8Array> => ({
  wipe: (key) => inner.wipe(key),
  async bind(session, chain) {
    const [epoch] = [...held.session].findLast(([, known]) => equalBytes(known, session)) ?? [];
    const secret = await inner.bind(session, chain);
    if (epoch === undefined) throw new Error('a session key that never came');
    held.epochs.set(epoch, secret.slice());
    return secret;
  },
  async step(key) {
    const next = await inner.step(key);
    held.tree.push(next.slice());
    return next;
  },
  async open(under, use, aad, sealed) {
    held.tree.push(under.slice());
    const secrets = await inner.open(under, use, aad, sealed);
    const copies = (secrets ?? []).map((secret) => secret.slice());
    // A welcome and a session seal end with the session key; the others before it are the tree's.
    const session = use.purpose === 'node' ? undefined : copies.pop();
    if (session !== undefined) held.session.set(use.epoch, session);
    held.tree.push(...copies);
    return secrets;
  },
});

export const joinAsNode = async (url: string, token: string): Promise<NodeParticipant> => {
  const held: HeldKeys = { session: new Map(), epochs: new Map(), tree: [] };
  const crypto = createNodeAgentCrypto();
  const watched: AgentCrypto<Buffer, Buffer> = { ...crypto, treeKeys: recording(crypto.treeKeys, held) };
  const { session } = await joinWith(watched, { url, token });
  const epochWhere = (matches: (state: EpochState) => boolean): Promise<EpochState> =>
    new Promise((resolve) => {
      if (session.epoch !== null && matches(session.epoch)) {
        resolve(session.epoch);
        return;
      }
      const off = session.on('epoch', (state) => {
        if (!matches(state)) return;
        off();
        resolve(state);
      });
    });
  return { session, held, epochWhere };
};
