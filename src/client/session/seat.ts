// One admission of this participant: its terms, its place in the key tree, and the secret that proves it to a new connection. A participant
// who is admitted anew has two until the welcome of the second comes.

import { TreeMember } from '../../keys/member.ts';
import type { Applied } from '../../keys/member.ts';
import { LatchkeyError } from '../../protocol/errors.ts';
import { resumeProofInput } from '../../protocol/keyMessages.ts';
import type { AdmissionTerms, Rekey, Welcome } from '../../protocol/keyMessages.ts';
import type { EpochId, Lease } from '../../protocol/names.ts';
import type { AgentCrypto } from './agentCrypto.ts';

type SeatCrypto = Pick<AgentCrypto<never, never>, 'treeKeys' | 'derive'>;

/** What the admission's two exports gave: 32 bytes each. The seat owns them. */
export interface SeatSecrets {
  /** Our leaf. */
  readonly admissionKey: Uint8Array;
  readonly resumeSecret: Uint8Array;
}

export class Seat {
  readonly terms: AdmissionTerms;
  readonly signingKey: Uint8Array;
  readonly #crypto: SeatCrypto;
  readonly #resumeSecret: Uint8Array;
  /** Until the welcome takes it. */
  #leafKey: Uint8Array | null;
  #member: TreeMember<Uint8Array> | null = null;
  #closed = false;

  constructor(
    crypto: SeatCrypto,
    terms: AdmissionTerms,
    signingKey: Uint8Array,
    { admissionKey, resumeSecret }: SeatSecrets,
  ) {
    this.#crypto = crypto;
    this.terms = terms;
    this.signingKey = signingKey;
    this.#leafKey = admissionKey;
    this.#resumeSecret = resumeSecret;
  }

  get lease(): Lease {
    return this.terms.lease;
  }

  /** The last that was opened; null before the welcome. */
  get epoch(): EpochId | null {
    return this.#member?.epoch ?? null;
  }

  /** The session key. @throws LatchkeyError `key_message_unopened`, `closed`. */
  async welcome(welcome: Welcome): Promise<Uint8Array> {
    const leafKey = this.#leafKey;
    if (leafKey === null) throw new LatchkeyError('closed');
    const { member, session } = await TreeMember.open(this.#crypto.treeKeys, this.terms, leafKey, welcome);
    this.#leafKey = null;
    this.#member = member;
    if (this.#closed) member.close();
    return session;
  }

  /** Opened, not yet stepped: `settle` has to follow. @throws LatchkeyError, see `TreeMember.apply`. */
  async rekey(rekey: Rekey): Promise<Applied<Uint8Array>> {
    if (this.#member === null) throw new LatchkeyError('key_message_gap', 'a rekey before the welcome');
    return await this.#member.advance(rekey);
  }

  async settle(): Promise<void> {
    await this.#member?.settle();
  }

  /**
   * KDF(resume secret, incarnation ‖ lease ‖ challenge): good for this admission and for the connection that was challenged, and says
   * nothing of the secret.
   */
  prove(challenge: Uint8Array): Promise<Uint8Array> {
    const { incarnation, lease } = this.terms;
    return this.#crypto.derive(this.#resumeSecret, resumeProofInput({ incarnation, lease, challenge }));
  }

  close(): void {
    this.#closed = true;
    this.#leafKey?.fill(0);
    this.#leafKey = null;
    this.#resumeSecret.fill(0);
    this.#member?.close();
  }
}
