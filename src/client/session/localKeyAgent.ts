// A participant's keys, in this process: admissions, key tree, epochs, frames. The browser runs it inside the SFrame worker, Node
// as it is. Everything that arrives is verified here, next to the keys that it would change.
//
//   begin ─▶ admit ─▶ seat ──welcome──▶ seat with a place in the tree ──rekey──▶ …
//                                                 │
//   begin ─▶ admit ─▶ waiting ──its welcome──▶ takes the seat; the one before is wiped
//               └── another admit ──▶ waiting in its place

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
  AdmissionProof,
  FrameCounts,
  InstalledEpoch,
  KeyAgent,
  KeyAgentEvents,
  KeyTimers,
  LeaseChange,
  SignedTransport,
} from './keyAgent.ts';
import { Seat } from './seat.ts';

export class LocalKeyAgent<Secret, Key> implements KeyAgent {
  readonly #crypto: AgentCrypto<Secret, Key>;
  readonly #clock: Clock;
  readonly #events = new Emitter<KeyAgentEvents>();
  #recipient: AdmissionRecipient | null = null;
  #seat: Seat | null = null;
  /** Admitted anew, and not yet welcomed. */
  #waiting: Seat | null = null;
  /** Leases whose seat another has taken: what still comes for them is late. */
  readonly #replaced = new Set<Lease>();
  #streams: FrameStreams<Secret, Key> | null = null;
  /** For repeats, which are acknowledged again, and for what follows, which has to go on from them. */
  readonly #installed = new Map<EpochId, InstalledEpoch>();
  /** One at a time, in the order of the calls: admissions and key messages. */
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
    const recipient = await this.#crypto.newRecipient();
    this.#assertOpen();
    this.#recipient = recipient;
    return { publicKey: recipient.publicKey };
  }

  admit(
    message: Uint8Array,
    expected: AdmissionExpectation,
    timers: KeyTimers,
  ): Promise<{ readonly lease: Lease; readonly incarnation: Uint8Array }> {
    const recipient = this.#recipient;
    this.#recipient = null;
    if (recipient === null) return Promise.reject(new TypeError('begin first'));
    return this.#inTurn(async () => {
      const { terms, enc, signature } = decodeAdmission(message);
      await this.#verify(expected.signingKey, admissionSignatureInput(terms, enc), signature);
      assertTerms(terms, expected, recipient.publicKey);
      const before = this.#waiting ?? this.#seat;
      if (before !== null) assertSameStay(terms, expected, before);
      const secrets = await recipient.open(enc, encodeAdmissionTerms(terms));
      const seat = new Seat(this.#crypto, terms, expected.signingKey, secrets);
      if (this.#closed) seat.close();
      this.#assertOpen();
      this.#sit(seat, timers);
      return { lease: terms.lease, incarnation: terms.incarnation };
    });
  }

  receive(message: Uint8Array): Promise<readonly InstalledEpoch[]> {
    return this.#inTurn(() =>
      message[0] === keyMessageTypes.welcome ? this.#welcome(message) : this.#rekey(message),
    );
  }

  async leases(changes: readonly LeaseChange[]): Promise<void> {
    this.#frames().changeLeases(changes);
  }

  prove(challenge: Uint8Array): Promise<readonly AdmissionProof[]> {
    return this.#inTurn(async () => {
      const proofs: AdmissionProof[] = [];
      for (const seat of [this.#seated(), this.#waiting]) {
        if (seat !== null) proofs.push({ lease: seat.lease, proof: await seat.prove(challenge) });
      }
      this.#assertOpen();
      return proofs;
    });
  }

  async activate(epoch: EpochId): Promise<void> {
    await this.#frames().activate(epoch);
  }

  async stop(): Promise<void> {
    this.#streams?.stop();
  }

  async verifyTransport({ participant, transport, fingerprints, signature }: SignedTransport): Promise<void> {
    const { terms, signingKey } = this.#seated();
    const { incarnation } = terms;
    const input = transportSignatureInput({ incarnation, participant, transport, fingerprints });
    if (participant !== terms.participant)
      throw new LatchkeyError('key_message_forged', 'a transport of somebody else');
    await this.#verify(signingKey, input, signature);
  }

  async counts(): Promise<FrameCounts> {
    return { ...(this.#streams?.counts ?? emptyTally()) };
  }

  /** Asked for again, a stream's counters go on. @throws LatchkeyError `closed` before the admission and after the end. */
  sender(stream: StreamId, codec: Codec): FrameSender<Secret, Key> {
    return this.#frames().sender(stream, codec);
  }

  /** Close it when its consumer ends. */
  receiver(origin: StreamOrigin, codec: Codec): FrameReceiver<Secret, Key> {
    return this.#frames().receiver(origin, codec);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#recipient = null;
    this.#seat?.close();
    this.#waiting?.close();
    this.#streams?.close();
    this.#installed.clear();
    this.#events.clear();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(() => {
      this.#assertOpen();
      return work();
    });
    this.#turn = done.catch(() => null);
    return done;
  }

  #sit(seat: Seat, timers: KeyTimers): void {
    if (this.#seat === null) {
      this.#seat = seat;
      this.#streams = this.#openStreams(seat.terms, timers);
      return;
    }
    if (this.#waiting !== null) this.#replace(this.#waiting);
    this.#waiting = seat;
  }

  #replace(seat: Seat): void {
    seat.close();
    this.#replaced.add(seat.lease);
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
      onFirstOpened: () => this.#events.emit('firstOpened', null),
      onExpired: (epoch) => this.#events.emit('expired', { epoch }),
      onFailed: () => this.#fail(),
    });
  }

  async #welcome(message: Uint8Array): Promise<readonly InstalledEpoch[]> {
    const { welcome, ...seal } = decodeWelcome(message);
    // A mint that was under way when another admission took this one's place: the next one names the newer.
    if (this.#replaced.has(welcome.lease)) return [];
    const seat = [this.#waiting, this.#seated()].find((one) => one?.lease === welcome.lease) ?? null;
    if (seat === null) throw new LatchkeyError('key_message_unopened', 'a welcome for somebody else');
    const chain = await this.#verifyEpoch(welcome, seal);
    if (seat.epoch !== null) {
      if (welcome.epoch <= seat.epoch) return this.#again(welcome.epoch);
      throw new LatchkeyError('key_message_unopened', 'a second welcome');
    }
    const session = await seat.welcome(welcome);
    if (seat === this.#waiting) this.#move(seat, welcome.epoch);
    return await this.#install(session, welcome, chain);
  }

  /** Nothing that comes is sealed to the old seat's keys any more, and no connection is proved by it. */
  #move(seat: Seat, from: EpochId): void {
    if (this.#seat !== null) this.#replace(this.#seat);
    this.#seat = seat;
    this.#waiting = null;
    this.#streams?.moveTo(seat.lease, from);
  }

  async #rekey(message: Uint8Array): Promise<readonly InstalledEpoch[]> {
    const { rekey, body, signature } = decodeRekey(message);
    const seat = this.#seated();
    const chain = await this.#verifyEpoch(rekey, { digest: await this.#crypto.hash(body), signature });
    const applied = await seat.rekey(rekey);
    if (applied.kind === 'repeat') return this.#again(applied.epoch);
    const installed = await this.#install(applied.session, rekey, chain);
    // The acknowledgement does not wait for the step, nor for that of other participants of this process; the next message does.
    this.#crypto.soon(() => {
      seat.settle().catch(() => this.#fail());
    });
    return installed;
  }

  /** The epoch's chain, of a head that the server signed and that agrees with all that was told here before. */
  async #verifyEpoch(head: EpochHead, { digest, signature }: EpochSeal): Promise<Uint8Array> {
    const chain = await this.#crypto.hash(chainInput(head));
    const input = epochSignatureInput({ ...head, chain, digest });
    await this.#verify(this.#seated().signingKey, input, signature);
    const before = this.#installed.get((head.epoch - 1) as EpochId);
    const known = this.#installed.get(head.epoch);
    const forked =
      (before !== undefined && !equalBytes(before.chain, head.previous)) ||
      (known !== undefined &&
        !(equalBytes(known.chain, chain) && equalBytes(known.fingerprint, head.fingerprint)));
    if (forked) throw new LatchkeyError('story_forked');
    return chain;
  }

  /** Takes the session key: wiped when this resolves, whatever came of it. */
  async #install(
    session: Uint8Array,
    told: EpochHead,
    chain: Uint8Array,
  ): Promise<readonly InstalledEpoch[]> {
    const { epoch, trigger } = told;
    const secret = await this.#crypto.treeKeys.bind(session, chain);
    try {
      const { terms } = this.#seated();
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
      this.#frames().install(key);
      const installed = { epoch, fingerprint: key.fingerprint, chain, trigger, lease: terms.lease };
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
    if (this.#closed) return;
    this.#events.emit('failed', {
      code: 'internal',
      message: 'sealing or opening a frame failed on this device',
    });
    this.close();
  }

  #seated(): Seat {
    if (this.#closed || this.#seat === null) throw new LatchkeyError('closed', 'not admitted');
    return this.#seat;
  }

  #frames(): FrameStreams<Secret, Key> {
    if (this.#closed || this.#streams === null) throw new LatchkeyError('closed', 'not admitted');
    return this.#streams;
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

/** One more admission of the same stay: of this incarnation, signed by the same key, with a lease that was never given before. */
const assertSameStay = (terms: AdmissionTerms, expected: AdmissionExpectation, seat: Seat): void => {
  const same =
    equalBytes(terms.incarnation, seat.terms.incarnation) &&
    equalBytes(expected.signingKey, seat.signingKey) &&
    terms.lease > seat.lease;
  if (!same)
    throw new LatchkeyError('key_message_forged', 'an admission that does not follow from the one before');
};
