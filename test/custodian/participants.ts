// Participants of a custodian without a meeting around them: the real client parts, with a copy kept of every secret that they ever held.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { newAdmissionRecipient } from '../../src/client/session/hpke.ts';
import { createMemberKeys } from '../../src/client/session/memberKeys.ts';
import { composeCrypto } from '../../src/client/session/composeCrypto.ts';
import { createNodeAgentCrypto } from '../../src/client/session/nodeAgentCrypto.ts';
import { nodeCrypto } from '../../src/client/session/nodeCrypto.ts';
import { equalBytes } from '../../src/protocol/bytes.ts';
import type { OpeningKeys } from '../../src/keys/keyStore.ts';
import { sealInfo } from '../../src/keys/keyStore.ts';
import { TreeMember } from '../../src/keys/member.ts';
import type { AdmitAnswer, AdmitRequest, RekeyAnswer } from '../../src/custodian/custodian.ts';
import {
  admissionSignatureInput,
  decodeAdmission,
  decodeRekey,
  decodeWelcome,
  encodeAdmissionTerms,
  rekeySignatureInput,
} from '../../src/protocol/keyMessages.ts';
import { epochId, lengths } from '../../src/protocol/names.ts';
import type { EpochId, Lease } from '../../src/protocol/names.ts';
import { deriveEpochKeySync } from '../../src/sframe/epochKeys.ts';

const crypto = composeCrypto(createNodeAgentCrypto().frames, () => undefined);

/** Everything secret that a participant ever had in its hands. */
export interface Secrets {
  /** As they were admitted: before any step. */
  admissionKey: Uint8Array;
  /** Of the tree, before and after each step, as they came. */
  readonly tree: Uint8Array[];
  readonly session: Map<EpochId, Uint8Array>;
  /** Derived for one use each, to open what was sealed. */
  readonly sealing: Uint8Array[];
  /** Those of the path that it holds now. */
  now: readonly Uint8Array[];
}

const recording = (secrets: Secrets): OpeningKeys<Uint8Array> => {
  const inner = createMemberKeys();
  const now = new Set<Uint8Array>();
  const copies = new Map<Uint8Array, Uint8Array>();
  const take = (key: Uint8Array): void => {
    const copy = key.slice();
    copies.set(key, copy);
    secrets.tree.push(copy);
    now.add(copy);
    secrets.now = [...now];
  };
  const drop = (key: Uint8Array): void => {
    const copy = copies.get(key);
    if (copy !== undefined) now.delete(copy);
    copies.delete(key);
    secrets.now = [...now];
  };
  return {
    async step(key) {
      const next = await inner.step(key);
      drop(key);
      take(next);
      return next;
    },
    wipe(key) {
      drop(key);
      inner.wipe(key);
    },
    async open(under, use, aad, sealed) {
      const sealing = createHmac('sha512', under).update(sealInfo(use)).digest().subarray(0, lengths.key);
      secrets.sealing.push(new Uint8Array(sealing));
      const opened = await inner.open(under, use, aad, sealed);
      const session = use.purpose === 'node' ? undefined : opened?.at(-1);
      for (const key of opened ?? []) if (key !== session) take(key);
      if (session !== undefined) secrets.session.set(epochId(use.epoch), session.slice());
      return opened;
    },
  };
};

export type Admit = (request: AdmitRequest) => AdmitAnswer | Promise<AdmitAnswer>;

export class Participant {
  readonly lease: Lease;
  readonly secrets: Secrets;
  readonly #serverKey: Uint8Array;
  readonly #admissionKey: Uint8Array;
  readonly #terms: ReturnType<typeof decodeAdmission>['terms'];
  readonly #keys: OpeningKeys<Uint8Array>;
  #member: TreeMember<Uint8Array> | null = null;

  private constructor(
    terms: ReturnType<typeof decodeAdmission>['terms'],
    admissionKey: Uint8Array,
    serverKey: Uint8Array,
  ) {
    this.lease = terms.lease;
    this.#terms = terms;
    this.#admissionKey = admissionKey;
    this.#serverKey = serverKey;
    this.secrets = { admissionKey: admissionKey.slice(), tree: [], session: new Map(), sealing: [], now: [] };
    this.#keys = recording(this.secrets);
  }

  /** Asks for an admission, checks what it says and who signed it, opens it. */
  static async admit(
    admit: Admit,
    serverKey: Uint8Array,
    who: Omit<AdmitRequest, 'publicKey'>,
  ): Promise<Participant> {
    const recipient = await newAdmissionRecipient();
    const answer = await admit({ ...who, publicKey: recipient.publicKey });
    const { terms, enc, signature } = decodeAdmission(answer.admission);
    assert.deepEqual(
      [terms.meeting, terms.participant, terms.role, terms.tokenId, terms.lease, terms.publicKey],
      [who.meeting, who.participant, who.role, who.tokenId, answer.lease, recipient.publicKey],
    );
    assert.ok(
      await crypto.verify(serverKey, admissionSignatureInput(terms, enc), signature),
      'signed by the server',
    );
    const { admissionKey } = await recipient.open(enc, encodeAdmissionTerms(terms));
    return new Participant(terms, admissionKey, serverKey);
  }

  get incarnation(): Uint8Array {
    return this.#terms.incarnation;
  }

  get firstEpoch(): EpochId {
    return this.#terms.firstEpoch;
  }

  /** Takes what a rekey brought it, as a participant does; what the session key gives as fingerprint is what the custodian said. */
  async follow(answer: RekeyAnswer): Promise<void> {
    const session = await this.#open(answer);
    const { fingerprint } = deriveEpochKeySync(nodeCrypto, {
      secret: session,
      incarnation: this.incarnation,
      epoch: answer.epoch,
    });
    session.fill(0);
    assert.ok(equalBytes(fingerprint, answer.fingerprint), 'both ends agree on the fingerprint');
  }

  async #open(answer: RekeyAnswer): Promise<Uint8Array> {
    const welcome = answer.welcomes.find(({ lease }) => lease === this.lease);
    if (welcome !== undefined) {
      const message = decodeWelcome(welcome.message);
      const { member, session } = await TreeMember.open(this.#keys, this.#terms, this.#admissionKey, message);
      this.#member = member;
      assert.ok(equalBytes(message.fingerprint, answer.fingerprint));
      return session;
    }
    assert.ok(answer.rekey !== null && this.#member !== null);
    const { rekey, body, signature } = decodeRekey(answer.rekey);
    assert.ok(
      await crypto.verify(this.#serverKey, rekeySignatureInput(body), signature),
      'signed by the server',
    );
    assert.ok(equalBytes(rekey.fingerprint, answer.fingerprint));
    const applied = await this.#member.apply(rekey);
    assert.ok(applied.kind === 'opened');
    return applied.session;
  }
}
