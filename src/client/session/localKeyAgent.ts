// A participant's keys, in this process: admission, key tree, epochs, frames. The browser runs it inside the SFrame worker, Node
// as it is. Everything that arrives is verified here, next to the keys that it would change.

import { equalBytes } from '../../protocol/bytes.ts';
import { LatchkeyError } from '../../protocol/errors.ts';
import {
  admissionSignatureInput,
  chainInput,
  decodeAdmission,
  decodeRekey,
  decodeWelcome,
  encodeAdmissionTerms,
  epochSignatureInput,
  keyMessageTypes,
  transportSignatureInput,
} from '../../protocol/keyMessages.ts';
import type { AdmissionTerms, EpochHead, EpochSeal } from '../../protocol/keyMessages.ts';
import type { EpochId, Lease, StreamId } from '../../protocol/names.ts';
import { limits } from '../../protocol/timers.ts';
import { TreeMember } from '../../keys/member.ts';
import { deriveEpochKey } from '../../sframe/epochKeys.ts';
import type { StreamOrigin } from '../../sframe/keyId.ts';
import type { Codec } from '../../sframe/prefix.ts';
import type { AdmissionRecipient, AgentCrypto } from './agentCrypto.ts';
import type { Clock } from './clock.ts';
import { Emitter } from './emitter.ts';
import type { FrameReceiver } from './frameReceiver.ts';
import type { FrameSender } from './frameSender.ts';
import { emptyTally, FrameStreams } from './frameStreams.ts';
import type {
  AdmissionExpectation,
  FrameCounts,
  InstalledEpoch,
  KeyAgent,
  KeyAgentEvents,
  KeyTimers,
  SignedTransport,
} from './keyAgent.ts';

/** What the admission gave. */
interface Admitted<Secret, Key> {
  readonly terms: AdmissionTerms;
  readonly signingKey: Uint8Array;
  /** Our leaf, until the welcome takes it. */
  leafKey: Uint8Array | null;
  /** Proves to the server that a new connection is this same participant; leaves this process never. */
  readonly resumeSecret: Uint8Array;
  readonly streams: FrameStreams<Secret, Key>;
}

export class LocalKeyAgent<Secret, Key> implements KeyAgent {
  readonly #crypto: AgentCrypto<Secret, Key>;
  readonly #clock: Clock;
  readonly #events = new Emitter<KeyAgentEvents>();
  #recipient: AdmissionRecipient | null = null;
  #admitted: Admitted<Secret, Key> | null = null;
  #member: TreeMember<Uint8Array> | null = null;
  /** For repeats, which are acknowledged again. */
  readonly #installed = new Map<EpochId, InstalledEpoch>();
  /** One key message at a time, in the order of the calls. */
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(crypto: AgentCrypto<Secret, Key>, clock: Clock) {
    this.#crypto = crypto;
    this.#clock = clock;
  }

  on<E extends keyof KeyAgentEvents>(event: E, listener: (data: KeyAgentEvents[E]) => void): () => void {
    return this.#events.on(event, listener);
  }

  async begin(): Promise<{ readonly publicKey: Uint8Array }> {
    this.#assertOpen();
    if (this.#admitted !== null) throw new TypeError('already admitted');
    const recipient = await this.#crypto.newRecipient();
    this.#assertOpen();
    this.#recipient = recipient;
    return { publicKey: recipient.publicKey };
  }

  async admit(
    message: Uint8Array,
    expected: AdmissionExpectation,
    timers: KeyTimers,
  ): Promise<{ readonly lease: Lease; readonly incarnation: Uint8Array }> {
    const recipient = this.#recipient;
    this.#recipient = null;
    if (recipient === null) throw new TypeError('begin first');
    const { terms, enc, signature } = decodeAdmission(message);
    await this.#verify(expected.signingKey, admissionSignatureInput(terms, enc), signature);
    assertTerms(terms, expected, recipient.publicKey);
    const { admissionKey, resumeSecret } = await recipient.open(enc, encodeAdmissionTerms(terms));
    if (this.#closed) {
      admissionKey.fill(0);
      resumeSecret.fill(0);
      throw new LatchkeyError('closed');
    }
    this.#admitted = {
      terms,
      signingKey: expected.signingKey,
      leafKey: admissionKey,
      resumeSecret,
      streams: this.#openStreams(terms, timers),
    };
    return { lease: terms.lease, incarnation: terms.incarnation };
  }

  receive(message: Uint8Array): Promise<readonly InstalledEpoch[]> {
    const received = this.#turn.then(() => {
      this.#assertOpen();
      return message[0] === keyMessageTypes.welcome ? this.#welcome(message) : this.#rekey(message);
    });
    this.#turn = received.catch(() => null);
    return received;
  }

  async activate(epoch: EpochId): Promise<void> {
    await this.#streams().activate(epoch);
  }

  async stop(): Promise<void> {
    this.#admitted?.streams.stop();
  }

  async verifyTransport({ participant, transport, fingerprints, signature }: SignedTransport): Promise<void> {
    const { terms, signingKey } = this.#seat();
    const { incarnation } = terms;
    const input = transportSignatureInput({ incarnation, participant, transport, fingerprints });
    if (participant !== terms.participant)
      throw new LatchkeyError('key_message_forged', 'a transport of somebody else');
    await this.#verify(signingKey, input, signature);
  }

  async counts(): Promise<FrameCounts> {
    return { ...(this.#admitted?.streams.counts ?? emptyTally()) };
  }

  /** Asked for again, a stream's counters go on. @throws LatchkeyError `closed` before the admission and after the end. */
  sender(stream: StreamId, codec: Codec): FrameSender<Secret, Key> {
    return this.#streams().sender(stream, codec);
  }

  /** Close it when its consumer ends. */
  receiver(origin: StreamOrigin, codec: Codec): FrameReceiver<Secret, Key> {
    return this.#streams().receiver(origin, codec);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#recipient = null;
    this.#member?.close();
    this.#admitted?.leafKey?.fill(0);
    this.#admitted?.resumeSecret.fill(0);
    this.#admitted?.streams.close();
    this.#installed.clear();
    this.#events.clear();
  }

  #openStreams({ lease, incarnation }: AdmissionTerms, timers: KeyTimers): FrameStreams<Secret, Key> {
    return new FrameStreams({
      crypto: this.#crypto.frames,
      wipe: (baseKey) => this.#crypto.wipe(baseKey),
      clock: this.#clock,
      timers,
      lease,
      incarnation,
      onRecovered: (origin) => this.#events.emit('recovered', origin),
      onExpired: (epoch) => this.#events.emit('expired', { epoch }),
      onFailed: () => this.#fail(),
    });
  }

  async #welcome(message: Uint8Array): Promise<readonly InstalledEpoch[]> {
    const { welcome, ...seal } = decodeWelcome(message);
    const admitted = this.#seat();
    if (this.#member !== null) {
      if (welcome.epoch <= this.#member.epoch) return this.#again(welcome.epoch);
      throw new LatchkeyError('key_message_unopened', 'a second welcome');
    }
    if (admitted.leafKey === null) throw new LatchkeyError('closed');
    const chain = await this.#verifyEpoch(welcome, seal);
    const { member, session } = await TreeMember.open(
      this.#crypto.treeKeys,
      admitted.terms,
      admitted.leafKey,
      welcome,
    );
    admitted.leafKey = null;
    this.#member = member;
    if (this.#closed) member.close();
    return await this.#install(session, welcome, chain);
  }

  async #rekey(message: Uint8Array): Promise<readonly InstalledEpoch[]> {
    const { rekey, body, signature } = decodeRekey(message);
    const chain = await this.#verifyEpoch(rekey, { digest: await this.#crypto.hash(body), signature });
    if (this.#member === null) throw new LatchkeyError('key_message_gap', 'a rekey before the welcome');
    const applied = await this.#member.apply(rekey);
    return applied.kind === 'repeat'
      ? this.#again(applied.epoch)
      : await this.#install(applied.session, rekey, chain);
  }

  /** The epoch's chain, of a head that the server signed and that goes on from the epoch before as we know it. */
  async #verifyEpoch(head: EpochHead, { digest, signature }: EpochSeal): Promise<Uint8Array> {
    const chain = await this.#crypto.hash(chainInput(head));
    await this.#verify(this.#seat().signingKey, epochSignatureInput({ ...head, chain, digest }), signature);
    const before = this.#installed.get((head.epoch - 1) as EpochId);
    if (before !== undefined && !equalBytes(before.chain, head.previous)) {
      throw new LatchkeyError('story_forked');
    }
    return chain;
  }

  /** Takes the session key: wiped when this resolves, whatever came of it. */
  async #install(
    session: Uint8Array,
    told: EpochHead,
    chain: Uint8Array,
  ): Promise<readonly InstalledEpoch[]> {
    const { terms, streams } = this.#seat();
    const { epoch, trigger } = told;
    const secret = await this.#crypto.treeKeys.bind(session, chain);
    try {
      this.#assertOpen();
      const key = await deriveEpochKey(this.#crypto.frames, {
        secret,
        incarnation: terms.incarnation,
        epoch,
      });
      if (this.#closed || !equalBytes(key.fingerprint, told.fingerprint)) {
        this.#crypto.wipe(key.baseKey);
        this.#assertOpen();
        throw new LatchkeyError(
          'key_message_forged',
          'the session key is not the one that the message names',
        );
      }
      streams.install(key);
      const installed = { epoch, fingerprint: key.fingerprint, chain, trigger };
      this.#installed.set(epoch, installed);
      for (const old of this.#installed.keys())
        if (this.#installed.size > limits.heldEpochs) this.#installed.delete(old);
      return [installed];
    } finally {
      secret.fill(0);
    }
  }

  #again(epoch: EpochId): readonly InstalledEpoch[] {
    const installed = this.#installed.get(epoch);
    return installed === undefined ? [] : [installed];
  }

  async #verify(signingKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<void> {
    const signed = await this.#crypto.verify(signingKey, message, signature);
    this.#assertOpen();
    if (!signed) throw new LatchkeyError('key_message_forged');
  }

  /** What the platform's cryptography says of its failure may hold anything: only that it failed is passed on. */
  #fail(): void {
    this.#events.emit('failed', {
      code: 'internal',
      message: 'sealing or opening a frame failed on this device',
    });
    this.close();
  }

  #seat(): Admitted<Secret, Key> {
    if (this.#closed || this.#admitted === null) throw new LatchkeyError('closed', 'not admitted');
    return this.#admitted;
  }

  #streams(): FrameStreams<Secret, Key> {
    return this.#seat().streams;
  }

  #assertOpen(): void {
    if (this.#closed) throw new LatchkeyError('closed');
  }
}

/** The admission must be for exactly this join: no replay of another's, no other role, no other meeting. */
const assertTerms = (terms: AdmissionTerms, expected: AdmissionExpectation, publicKey: Uint8Array): void => {
  const ours =
    terms.meeting === expected.meeting &&
    terms.participant === expected.participantId &&
    terms.role === expected.role &&
    equalBytes(terms.publicKey, publicKey);
  if (!ours) throw new LatchkeyError('key_message_forged', 'an admission that is not for this join');
};
