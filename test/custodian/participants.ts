// Participants of a custodian without a meeting around them: the real client parts, with a copy kept of every secret that they ever held.

import assert from 'node:assert/strict';
import { createHmac, hash } from 'node:crypto';
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
  chainInput,
  decodeAdmission,
  decodeRekey,
  decodeWelcome,
  encodeAdmissionTerms,
  epochSignatureInput,
  resumeProofInput,
} from '../../src/protocol/keyMessages.ts';
import type { EpochHead, EpochSeal } from '../../src/protocol/keyMessages.ts';
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
  /** What media derive from: the session key bound to the story. */
  readonly epoch: Map<EpochId, Uint8Array>;
  readonly resumeSecret: Uint8Array;
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
    bind: (session, chain) => inner.bind(session, chain),
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

/** HMAC-SHA-512 cut to 32 bytes: the KDF of keys/keyStore.ts. */
export const kdf = (key: Uint8Array, info: Uint8Array): Uint8Array =>
  new Uint8Array(createHmac('sha512', key).update(info).digest().subarray(0, lengths.key));

export const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(hash('sha256', bytes, 'buffer'));

type Terms = ReturnType<typeof decodeAdmission>['terms'];

interface Opened {
  readonly head: EpochHead;
  readonly seal: EpochSeal;
  readonly session: Uint8Array;
}

export class Participant {
  readonly lease: Lease;
  readonly terms: Terms;
  readonly secrets: Secrets;
  readonly #serverKey: Uint8Array;
  readonly #admissionKey: Uint8Array;
  readonly #keys: OpeningKeys<Uint8Array>;
  #member: TreeMember<Uint8Array> | null = null;
  /** Of the last epoch that it followed. */
  #chain: Uint8Array | null = null;

  private constructor(
    terms: Terms,
    { admissionKey, resumeSecret }: { admissionKey: Uint8Array; resumeSecret: Uint8Array },
    serverKey: Uint8Array,
  ) {
    this.lease = terms.lease;
    this.terms = terms;
    this.#admissionKey = admissionKey;
    this.#serverKey = serverKey;
    this.secrets = {
      admissionKey: admissionKey.slice(),
      resumeSecret,
      tree: [],
      session: new Map(),
      epoch: new Map(),
      sealing: [],
      now: [],
    };
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
    return new Participant(terms, await recipient.open(enc, encodeAdmissionTerms(terms)), serverKey);
  }

  get incarnation(): Uint8Array {
    return this.terms.incarnation;
  }

  get firstEpoch(): EpochId {
    return this.terms.firstEpoch;
  }

  /** As a client that comes back answers a challenge. */
  prove(challenge: Uint8Array): Uint8Array {
    const { incarnation, lease } = this;
    return kdf(this.secrets.resumeSecret, resumeProofInput({ incarnation, lease, challenge }));
  }

  /**
   * Takes what a rekey brought it, as a participant does: signed, going on from the epoch before, and what the session key gives as fingerprint
   * is what the custodian said.
   */
  async follow(answer: RekeyAnswer): Promise<void> {
    const { head, seal, session } = await this.#open(answer);
    const { epoch, incarnation } = head;
    const chain = sha256(chainInput(head));
    if (this.#chain !== null)
      assert.deepEqual(head.previous, this.#chain, 'it goes on from the epoch before');
    this.#chain = chain;
    const input = epochSignatureInput({ ...head, chain, digest: seal.digest });
    assert.ok(await crypto.verify(this.#serverKey, input, seal.signature), 'signed by the server');
    const secret = await this.#keys.bind(session, chain);
    this.secrets.epoch.set(epoch, secret.slice());
    const { fingerprint } = deriveEpochKeySync(nodeCrypto, { secret, incarnation, epoch });
    secret.fill(0);
    assert.ok(equalBytes(fingerprint, head.fingerprint), 'both ends agree on the fingerprint');
    const told = { epoch, fingerprint: head.fingerprint, chain, trigger: head.trigger, ...seal };
    assert.deepEqual({ ...answer, ...told }, answer, 'the control process is told the same');
  }

  async #open(answer: RekeyAnswer): Promise<Opened> {
    const message = answer.welcomes.find(({ lease }) => lease === this.lease)?.message;
    if (message !== undefined) {
      const { welcome, ...seal } = decodeWelcome(message);
      const { member, session } = await TreeMember.open(this.#keys, this.terms, this.#admissionKey, welcome);
      this.#member = member;
      return { head: welcome, seal, session };
    }
    assert.ok(answer.rekey !== null && this.#member !== null);
    const { rekey, body, signature } = decodeRekey(answer.rekey);
    const applied = await this.#member.apply(rekey);
    assert.ok(applied.kind === 'opened');
    return { head: rekey, seal: { digest: sha256(body), signature }, session: applied.session };
  }
}

/** What every meeting of these tests is opened, rekeyed and closed with, unless they say otherwise. */
export const openAsk = (meeting: string) => ({ meeting, joinPolicy: 'every' as const, freshForMs: 10_000 });

export const rekeyAsk = (meeting: string, joins: readonly Lease[], departures: readonly Lease[] = []) => ({
  meeting,
  trigger: 'joinAndDeparture' as const,
  joins: [...joins],
  departures: [...departures],
  ledger: new Uint8Array(lengths.hash).fill(7),
  share: false,
});

export const closeAsk = (meeting: string) => ({
  meeting,
  ledger: { lines: 3, hash: new Uint8Array(lengths.hash).fill(8) },
});
