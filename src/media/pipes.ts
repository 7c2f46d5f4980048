// Streams of one meeting where they are consumed: piped on demand from router to router along a tree (pipeTree.ts), under the same producer id
// everywhere, and unpiped when nobody has used them for a moment. Who asks at the same time shares one pipe. A pipe through which
// nothing need flow is paused; a producer that is paused is paused at every end.
//
// When a router dies, the pipes over it end and with them all that hung below; whoever still wants the stream asks again, and gets another way.

import type { Consumer, Producer, TransportListenInfo } from 'mediasoup/types';
import { LatchkeyError } from '../protocol/errors.ts';
import { PipeLinks } from './pipeLinks.ts';
import type { PipeSeat } from './pipeLinks.ts';
import { PipeTree } from './pipeTree.ts';

export interface PipesOptions {
  readonly listenInfo: TransportListenInfo;
  readonly keyFrameRequestDelayMs: number;
  /** A pipe did not follow its producer or its listeners: it goes on as it was. */
  readonly onFailed: (cause: unknown) => void;
}

/** Somebody's use of a stream at one router. Both are idempotent. */
export interface PipeUse {
  /** Whether it has a consumer there that is not paused. */
  setFlowing(flowing: boolean): void;
  release(): void;
}

/** How long an unused pipe stays, in milliseconds. Longer: streams flow for nobody. Shorter: who turns pages back and forth waits for pipes. */
const lingerMs = 2_000;
/** Ways that are tried for one stream before whoever asks for it is told that it failed: workers die seldom, one after the other. */
const attempts = 3;

/** A stream's arrival at one router that is not its producer's. */
interface End {
  readonly stream: Stream;
  readonly seat: PipeSeat;
  /** Null: the producer's own router. */
  readonly parent: End | null;
  ready: Promise<void>;
  uses: number;
  /** Uses and ends below through which something flows. */
  flowing: number;
  letGo: () => void;
  /** On the parent's router. */
  consumer: Consumer | null;
  /** On this router. */
  producer: Producer | null;
  following: boolean;
  linger: NodeJS.Timeout | null;
  closed: boolean;
}

interface Stream {
  readonly producer: Producer;
  readonly origin: PipeSeat;
  readonly tree: PipeTree;
  readonly ends: Map<number, End>;
}

export class Pipes {
  readonly #options: PipesOptions;
  readonly #links: PipeLinks;
  readonly #streams = new Map<string, Stream>();
  #closed = false;

  constructor(options: PipesOptions) {
    this.#options = options;
    this.#links = new PipeLinks(options.listenInfo);
  }

  /** Pairs of routers that anything is piped between, and the pipes. */
  get counts(): { readonly links: number; readonly pipes: number } {
    const pipes = [...this.#streams.values()].reduce((sum, { ends }) => sum + ends.size, 0);
    return { links: this.#links.size, pipes };
  }

  /** From which worker to which a stream is piped. */
  routes(producerId: string): readonly (readonly [from: number, to: number])[] {
    return this.#streams.get(producerId)?.tree.edges ?? [];
  }

  /** Resolves when `seat`'s router has the producer. @throws LatchkeyError `producer_not_found`, `worker_died`. */
  async use(producer: Producer, origin: PipeSeat, seat: PipeSeat): Promise<PipeUse> {
    for (let attempt = 1; ; attempt++) {
      if (this.#closed || producer.closed) throw new LatchkeyError('producer_not_found');
      const end = this.#end(this.#stream(producer, origin), seat);
      end.uses++;
      try {
        await end.ready;
        if (end.closed) throw new LatchkeyError('worker_died', 'the pipe went as it came');
        return this.#useOf(end);
      } catch (cause) {
        this.#unused(end);
        if (producer.closed || this.#closed)
          throw new LatchkeyError('producer_not_found', undefined, { cause });
        if (attempt === attempts || seat.router.closed)
          throw new LatchkeyError('worker_died', 'no way to that stream', { cause });
      }
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of this.#streams.values()) this.#closeStream(stream);
    this.#links.close();
  }

  #stream(producer: Producer, origin: PipeSeat): Stream {
    const known = this.#streams.get(producer.id);
    if (known !== undefined) return known;
    const stream: Stream = { producer, origin, tree: new PipeTree(origin.index), ends: new Map() };
    this.#streams.set(producer.id, stream);
    producer.observer.once('close', () => this.#closeStream(stream));
    return stream;
  }

  #closeStream(stream: Stream): void {
    for (const end of stream.ends.values()) this.#closeEnd(end);
    this.#streams.delete(stream.producer.id);
  }

  #useOf(end: End): PipeUse {
    let flows = false;
    let released = false;
    const setFlowing = (flowing: boolean): void => {
      if (flowing === flows || released) return;
      flows = flowing;
      this.#flow(end, flowing ? 1 : -1);
    };
    return {
      setFlowing,
      release: () => {
        setFlowing(false);
        if (released) return;
        released = true;
        this.#unused(end);
      },
    };
  }

  /** The one that is there or is just being made, or a new one: nothing is awaited in between, so there is never a second. */
  #end(stream: Stream, seat: PipeSeat): End {
    const known = stream.ends.get(seat.index);
    if (known !== undefined && known.seat.router.id === seat.router.id) return known;
    // Of a router that died with its worker; this one stands in its place.
    if (known !== undefined) this.#closeEnd(known);
    const parent = stream.ends.get(stream.tree.add(seat.index)) ?? null;
    const end: End = {
      stream,
      seat,
      parent,
      ready: Promise.resolve(),
      uses: 0,
      flowing: 0,
      letGo: () => undefined,
      consumer: null,
      producer: null,
      following: false,
      linger: null,
      closed: false,
    };
    stream.ends.set(seat.index, end);
    end.ready = this.#carry(end);
    end.ready.catch(() => this.#closeEnd(end));
    return end;
  }

  async #carry(end: End): Promise<void> {
    const { stream, seat, parent } = end;
    await parent?.ready;
    this.#assertLives(end);
    const from = parent?.seat ?? stream.origin;
    const { opened, letGo } = this.#links.hold(from, seat);
    end.letGo = letGo;
    const link = await opened;
    this.#assertLives(end);
    const consumer = await link.at(from).consume({ producerId: stream.producer.id });
    end.consumer = consumer;
    this.#assertLives(end);
    const producer = await link.at(seat).produce({
      id: consumer.producerId,
      kind: consumer.kind,
      rtpParameters: consumer.rtpParameters,
      paused: consumer.producerPaused,
      keyFrameRequestDelay: this.#options.keyFrameRequestDelayMs,
      appData: stream.producer.appData,
    });
    end.producer = producer;
    this.#assertLives(end);
    consumer.observer.once('close', () => this.#closeEnd(end));
    producer.observer.once('close', () => this.#closeEnd(end));
    consumer.on('producerpause', () => this.#follow(end));
    consumer.on('producerresume', () => this.#follow(end));
    this.#follow(end);
  }

  /** After each await. What was made meanwhile is closed. */
  #assertLives(end: End): void {
    const { stream, seat, consumer, producer } = end;
    const gone = consumer?.closed === true || producer?.closed === true;
    if (!gone && !end.closed && !this.#closed && !stream.producer.closed && !seat.router.closed) return;
    consumer?.close();
    producer?.close();
    end.letGo();
    throw new LatchkeyError('worker_died', 'the pipe went before it was there');
  }

  #flow(end: End, change: 1 | -1): void {
    if (end.closed) return;
    const before = end.flowing > 0;
    end.flowing += change;
    const flows = end.flowing > 0;
    if (before === flows) return;
    if (end.parent !== null) this.#flow(end.parent, change);
    this.#follow(end);
  }

  /** Asks until the workers' answers are what is wanted by then. */
  #follow(end: End): void {
    const { consumer, producer } = end;
    if (end.following || consumer === null || producer === null) return;
    this.#settle(end, consumer, producer).catch((cause: unknown) => {
      if (!end.closed) this.#options.onFailed(cause);
    });
  }

  async #settle(end: End, consumer: Consumer, producer: Producer): Promise<void> {
    end.following = true;
    try {
      while (!end.closed) {
        if (consumer.producerPaused !== producer.paused)
          await (consumer.producerPaused ? producer.pause() : producer.resume());
        else if (consumer.paused !== (end.flowing === 0))
          await (end.flowing === 0 ? consumer.pause() : consumer.resume());
        else return;
      }
    } finally {
      end.following = false;
    }
  }

  #unused(end: End): void {
    end.uses--;
    this.#lingerIfUnused(end);
  }

  #lingerIfUnused(end: End): void {
    const unused = (): boolean => end.uses === 0 && end.stream.tree.isLeaf(end.seat.index);
    if (end.closed || end.linger !== null || !unused()) return;
    end.linger = setTimeout(() => {
      end.linger = null;
      if (unused()) this.#closeEnd(end);
    }, lingerMs).unref();
  }

  /** With all that hangs below it. */
  #closeEnd(end: End): void {
    if (end.closed) return;
    const { stream } = end;
    for (const index of stream.tree.cut(end.seat.index)) {
      const below = stream.ends.get(index);
      if (below === undefined) continue;
      stream.ends.delete(index);
      if (below === end && end.flowing > 0 && end.parent !== null) this.#flow(end.parent, -1);
      below.closed = true;
      if (below.linger !== null) clearTimeout(below.linger);
      below.consumer?.close();
      below.producer?.close();
      below.letGo();
    }
    if (end.parent !== null) this.#lingerIfUnused(end.parent);
  }
}
