// Watches the senders of one router: participant after participant, it consumes what that one sends for a moment, over a transport
// that ends in this process, and has the frames' headers inspected. It sees what the worker forwards: ciphertext.
//
//   resting ──restMs──▶ waiting for a tap ──▶ tapping all of one participant's producers ──turnMs──▶ resting
//      └── nobody sends, or nothing is due: rests again ─────────────────────────────────────────────┘
//
// A sender that breaks a rule in every frame is found in its next turn: after at most (senders × (turnMs + restMs)), 24 s with twelve
// senders, or later where the process has more meetings than taps. Of a counter that is used twice, both uses must fall into turns.

import { hash } from 'node:crypto';
import type { Consumer, DirectTransport, Producer, Router } from 'mediasoup/types';
import { streamId } from '../protocol/names.ts';
import type { EpochId } from '../protocol/names.ts';
import { FrameInspector } from './frameInspector.ts';
import type { ExpectedFrames, InspectionCounts, SenderLease, Violation } from './frameInspector.ts';
import type { TapLimit } from './tapLimit.ts';

export interface WatchPace {
  /** Of one participant. Longer: more packets through this process. Shorter: fewer counters seen together, no key frame in time. */
  readonly turnMs: number;
  /** Between two turns. Longer: whoever breaks a rule is found later. */
  readonly restMs: number;
  /** Between two turns of one video producer: each begins with a key frame that it must send. Shorter: pictures cost its sender more. */
  readonly videoSpacingMs: number;
}

export const watchPace: WatchPace = { turnMs: 1_000, restMs: 1_000, videoSpacingMs: 30_000 };

export interface ReportedViolation extends Violation {
  readonly producerId: string;
}

export interface SenderWatchOptions {
  readonly router: Router;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Null: not here any more. */
  readonly whois: (participantId: string) => { readonly leases: readonly SenderLease[] } | null;
  /** Activated and not yet retired; whatever leaves them is told by `retired`. */
  readonly liveEpochs: () => readonly EpochId[];
  /** Once for each producer, which is then no longer watched: it ought to be ended. */
  readonly onViolation: (participantId: string, violation: ReportedViolation) => void;
  /** A tap could not be made: the watch goes on with the next. */
  readonly onFailed: (cause: unknown) => void;
  /** The process' own, shared by all watches. */
  readonly tapLimit: TapLimit;
  readonly pace?: WatchPace;
}

interface Watched {
  readonly producer: Producer;
  readonly participantId: string;
  readonly expected: Omit<ExpectedFrames, 'leases'>;
  /** When its last turn began. */
  tappedAtMs: number;
}

export class SenderWatch {
  readonly #options: SenderWatchOptions;
  readonly #pace: WatchPace;
  readonly #inspector: FrameInspector;
  /** participantId → what it sends; the one whose turn is next comes first. */
  readonly #senders = new Map<string, Set<Watched>>();
  #transport: DirectTransport | null = null;
  #taps: Consumer[] = [];
  #timer: NodeJS.Timeout | null = null;
  /** Ends the turn, or the wait for it, in the eyes of the limit; null while resting. */
  #leave: (() => void) | null = null;
  #turns = 0;
  #closed = false;

  constructor(options: SenderWatchOptions) {
    this.#options = options;
    this.#pace = options.pace ?? watchPace;
    this.#inspector = new FrameInspector({
      liveEpochs: options.liveEpochs,
      digest: (bytes) => hash('sha256', bytes, 'base64url'),
    });
  }

  get counts(): InspectionCounts & { readonly turns: number } {
    return { ...this.#inspector.counts, turns: this.#turns };
  }

  /** Until it closes or breaks a rule. Its `appData` names its participant and stream. */
  add(producer: Producer): void {
    if (this.#closed || producer.closed) return;
    const participantId = String(producer.appData['participantId']);
    const watched: Watched = {
      producer,
      participantId,
      expected: {
        stream: streamId(Number(producer.appData['stream'])),
        codec: producer.kind === 'audio' ? 'opus' : 'vp8',
      },
      tappedAtMs: -Infinity,
    };
    const sender = this.#senders.get(participantId) ?? new Set();
    this.#senders.set(participantId, sender.add(watched));
    producer.observer.once('close', () => this.#forget(watched));
    if (this.#timer === null && this.#leave === null) this.#rest();
  }

  /** Frames of this epoch are let pass for a moment more. */
  retired(epoch: EpochId): void {
    this.#inspector.retired(epoch, this.#options.nowMs());
  }

  /** Idempotent; the router's own end need not be waited for. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#senders.clear();
    this.#endTurn();
    this.#transport?.close();
  }

  #forget(watched: Watched): void {
    const sender = this.#senders.get(watched.participantId);
    sender?.delete(watched);
    if (sender?.size === 0) this.#senders.delete(watched.participantId);
  }

  #after(ms: number, then: () => void): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      then();
    }, ms);
    // A watch keeps no process alive.
    this.#timer.unref();
  }

  #rest(): void {
    if (this.#closed || this.#senders.size === 0) return;
    this.#after(this.#pace.restMs, () => {
      this.#leave = this.#options.tapLimit.enter(() => void this.#turn());
    });
  }

  async #turn(): Promise<void> {
    try {
      const due = this.#nextDue();
      if (due.length > 0) await this.#tap(due);
    } catch (cause) {
      if (!this.#closed) this.#options.onFailed(cause);
    }
    if (this.#closed || this.#taps.length === 0) this.#endTurn();
    else this.#after(this.#pace.turnMs, () => this.#endTurn());
  }

  /** What the next participant sends that is due; the participant goes to the end of the row. */
  #nextDue(): Watched[] {
    const nowMs = this.#options.nowMs();
    for (const [participantId, sender] of this.#senders) {
      const due = [...sender].filter(
        ({ producer, tappedAtMs }) =>
          !producer.paused && (producer.kind === 'audio' || nowMs - tappedAtMs >= this.#pace.videoSpacingMs),
      );
      if (due.length === 0) continue;
      this.#senders.delete(participantId);
      this.#senders.set(participantId, sender);
      for (const watched of due) watched.tappedAtMs = nowMs;
      return due;
    }
    return [];
  }

  async #tap(due: readonly Watched[]): Promise<void> {
    this.#turns++;
    this.#transport ??= await this.#options.router.createDirectTransport();
    if (this.#closed) this.#transport.close();
    for (const consumed of await Promise.allSettled(due.map((watched) => this.#consume(watched)))) {
      if (consumed.status === 'rejected') this.#options.onFailed(consumed.reason);
    }
  }

  async #consume(watched: Watched): Promise<void> {
    const { producer } = watched;
    if (this.#transport === null || producer.closed) return;
    try {
      const consumer = await this.#transport.consume({
        producerId: producer.id,
        rtpCapabilities: this.#options.router.rtpCapabilities,
        // All layers of a simulcast, since they share a counter; nothing is repeated to us.
        pipe: true,
        enableRtx: false,
      });
      this.#taps.push(consumer);
      consumer.on('rtp', (packet) => this.#inspect(watched, packet));
    } catch (cause) {
      // Gone before it was tapped.
      if (!producer.closed && !this.#closed) throw cause;
    }
  }

  #inspect(watched: Watched, packet: Uint8Array): void {
    const { participantId, producer, expected } = watched;
    const sender = this.#options.whois(participantId);
    // What is still on its way from somebody who left, or from a producer that was reported.
    if (sender === null || this.#senders.get(participantId)?.has(watched) !== true) return;
    const { leases } = sender;
    const violation = this.#inspector.inspect({ ...expected, leases }, packet, this.#options.nowMs());
    if (violation === null) return;
    this.#forget(watched);
    this.#options.onViolation(participantId, { ...violation, producerId: producer.id });
  }

  #endTurn(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const tap of this.#taps) tap.close();
    this.#taps = [];
    const leave = this.#leave;
    this.#leave = null;
    leave?.();
    this.#rest();
  }
}
