// The streams of one meeting: which there are and where they arrive, how they come to whoever consumes them, whose voice is forwarded, and up
// to which layer anybody sees a video.

import type { Producer } from 'mediasoup/types';
import { LatchkeyError } from '../protocol/errors.ts';
import { Loudest } from './loudest.ts';
import type { HeardLevel, LoudestLimits } from './loudest.ts';
import { Pipes } from './pipes.ts';
import type { PipesOptions } from './pipes.ts';
import type { PipeSeat } from './pipeLinks.ts';
import { WantedLayer } from './wantedLayer.ts';

/** Somebody's use of a stream, by its consumer. Both are idempotent. */
export interface StreamUse {
  /** Up to which spatial layer it flows; 0 of what has none, null: it is paused. */
  setFlowing(layer: number | null): void;
  release(): void;
}

export interface RoomStreamsOptions extends PipesOptions {
  readonly loudest: LoudestLimits;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Who is audible has changed. */
  readonly onAudible: () => void;
  /** Null: nobody sees it. */
  readonly onWanted: (participantId: string, producerId: string, spatialLayer: number | null) => void;
}

interface Stream {
  readonly producer: Producer;
  readonly origin: PipeSeat;
  readonly wanted: WantedLayer | null;
}

let lastUse = 0;

export class RoomStreams {
  readonly #options: RoomStreamsOptions;
  readonly #pipes: Pipes;
  readonly #loudest: Loudest;
  readonly #streams = new Map<string, Stream>();
  /** At the soonest time at which less of some video is wanted. */
  #lowering: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: RoomStreamsOptions) {
    this.#options = options;
    this.#pipes = new Pipes(options);
    this.#loudest = new Loudest(options.loudest);
  }

  get pipes(): Pick<Pipes, 'counts' | 'routes'> {
    return this.#pipes;
  }

  find(producerId: string): Producer | undefined {
    return this.#streams.get(producerId)?.producer;
  }

  add(producer: Producer, origin: PipeSeat, muted: boolean): void {
    if (producer.closed || this.#closed) return;
    const { id } = producer;
    const participantId = String(producer.appData['participantId']);
    const stream = { producer, origin, wanted: producer.kind === 'video' ? new WantedLayer() : null };
    this.#streams.set(id, stream);
    if (producer.kind === 'audio') {
      this.#loudest.add(id, participantId, muted);
      this.#sift();
    }
    producer.observer.once('close', () => {
      this.#streams.delete(id);
      this.#loudest.remove(id);
      this.#sift();
    });
    this.#told(stream);
  }

  setMuted(producerId: string, muted: boolean): void {
    this.#loudest.setMuted(producerId, muted);
    this.#sift();
  }

  heard(levels: readonly HeardLevel[]): void {
    this.#loudest.heard(levels);
    this.#sift();
  }

  /** Video always is. */
  isAudible(producerId: string): boolean {
    return this.#streams.get(producerId)?.producer.kind !== 'audio' || this.#loudest.isAudible(producerId);
  }

  /** Resolves when `seat`'s router has it. @throws LatchkeyError `producer_not_found`, `worker_died`. */
  async use(producerId: string, seat: PipeSeat): Promise<StreamUse> {
    const stream = this.#streams.get(producerId);
    if (stream === undefined) throw new LatchkeyError('producer_not_found');
    const { producer, origin, wanted } = stream;
    const pipe = origin.router.id === seat.router.id ? null : await this.#pipes.use(producer, origin, seat);
    const viewer = String(++lastUse);
    let released = false;
    const setFlowing = (layer: number | null): void => {
      if (released) return;
      pipe?.setFlowing(layer !== null);
      if (wanted === null) return;
      wanted.set(viewer, layer);
      this.#told(stream);
    };
    return {
      setFlowing,
      release: () => {
        setFlowing(null);
        released = true;
        pipe?.release();
      },
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#lowering !== null) clearTimeout(this.#lowering);
    this.#pipes.close();
  }

  #sift(): void {
    if (!this.#closed && this.#loudest.step(this.#options.nowMs())) this.#options.onAudible();
  }

  #told({ producer, wanted }: Stream): void {
    if (wanted === null || this.#closed || producer.closed) return;
    const layer = wanted.step(this.#options.nowMs());
    if (layer !== undefined) {
      this.#options.onWanted(String(producer.appData['participantId']), producer.id, layer);
    } else if (wanted.dueAtMs !== null) this.#lower(wanted.dueAtMs);
  }

  /** One timer for all: whatever is due later is looked at then again. */
  #lower(dueAtMs: number): void {
    if (this.#lowering !== null) return;
    const waitMs = Math.max(1, Math.ceil(dueAtMs - this.#options.nowMs()));
    this.#lowering = setTimeout(() => {
      this.#lowering = null;
      for (const stream of this.#streams.values()) this.#told(stream);
    }, waitMs).unref();
  }
}
