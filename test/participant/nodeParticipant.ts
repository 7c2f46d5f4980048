// A participant in Node, on client/session, without media. What it holds the test sees, since the test hands it its cryptography:
// nothing in the product gives a key away.

import { connect } from '../../src/client/session/connect.ts';
import type { AgentCrypto } from '../../src/client/session/agentCrypto.ts';
import { systemClock } from '../../src/client/session/clock.ts';
import { newAdmissionRecipient } from '../../src/client/session/hpke.ts';
import { LocalKeyAgent } from '../../src/client/session/localKeyAgent.ts';
import { createMemberKeys } from '../../src/client/session/memberKeys.ts';
import { createWebCrypto } from '../../src/client/browser/webCrypto.ts';
import type { Session } from '../../src/client/session/session.ts';
import type { OpeningKeys } from '../../src/keys/keyStore.ts';
import type { AsyncCrypto } from '../../src/sframe/crypto.ts';

/** Every secret that went through its hands, by what it is. */
export interface HeldKeys {
  /** M_e, the oldest first. */
  readonly session: Uint8Array[];
  /** Keys of the tree, before and after each step. */
  readonly tree: Uint8Array[];
}

const recordingTree = (inner: OpeningKeys<Uint8Array>, held: HeldKeys): OpeningKeys<Uint8Array> => ({
  wipe: (key) => inner.wipe(key),
  async step(key) {
    const next = await inner.step(key);
    held.tree.push(next.slice());
    return next;
  },
  async open(under, use, aad, sealed) {
    held.tree.push(under.slice());
    const secrets = await inner.open(under, use, aad, sealed);
    const copies = (secrets ?? []).map((secret) => secret.slice());
    const last = copies.at(-1);
    if (use.purpose !== 'node' && last !== undefined) {
      held.session.push(last);
      copies.pop();
    }
    held.tree.push(...copies);
    return secrets;
  },
});

const verify = async (
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> => {
  const key = await crypto.subtle.importKey('raw', new Uint8Array(publicKey), 'Ed25519', false, ['verify']);
  return await crypto.subtle.verify('Ed25519', key, new Uint8Array(signature), new Uint8Array(message));
};

export interface NodeParticipant {
  readonly session: Session;
  readonly held: HeldKeys;
  /** Resolves with the state of the first activated epoch, now or to come, for which it is true. */
  epochWhere(matches: (state: EpochState) => boolean): Promise<EpochState>;
}

type EpochState = NonNullable<Session['epoch']>;

export const joinAsNode = async (
  url: string,
  token: string,
  frames: AsyncCrypto<CryptoKey, CryptoKey> = createWebCrypto(),
): Promise<NodeParticipant> => {
  const held: HeldKeys = { session: [], tree: [] };
  const agentCrypto: AgentCrypto<CryptoKey, CryptoKey> = {
    newRecipient: newAdmissionRecipient,
    verify,
    treeKeys: recordingTree(createMemberKeys(), held),
    frames,
    wipe: () => undefined,
  };
  const keyAgent = new LocalKeyAgent(agentCrypto, systemClock);
  const session = await connect({ url, token, keyAgent, encodedTransforms: true });
  return {
    session,
    held,
    epochWhere: (matches) =>
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
      }),
  };
};
