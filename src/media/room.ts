// The media of one meeting: a router on each worker that it uses, one ParticipantMedia per participant, who is heard and who sees what. It knows
// nothing of keys: what it forwards is sealed. Whether somebody's frames may be forwarded is told to it (`release`, `hold`, `start`), never
// decided here.
//
// When a worker dies the meeting goes on: whoever was at home there is placed anew and told to open media again; others lose what came
// over that worker and are told to consume it again. Only where no worker runs for long the meeting ends.

import type { RtpCapabilities } from 'mediasoup/types';
import { LatchkeyError } from '../protocol/errors.ts';
import type { EpochId } from '../protocol/names.ts';
import type { GoneConsumer } from './participantConsumers.ts';
import { ParticipantMedia } from './participantMedia.ts';
import type { MediaLimits } from './participantMedia.ts';
import { unlimitedBitrate } from './participantTransports.ts';
import type { Home } from './participantTransports.ts';
import { placeAnyway } from './placement.ts';
import type { LoudestLimits } from './loudest.ts';
import { audioLevels, RoomRouter } from './roomRouter.ts';
import { RoomStreams } from './roomStreams.ts';
import type { SenderWatch, SenderWatchOptions } from './senderWatch.ts';
import { Speakers } from './speakers.ts';
import { Turns } from './turns.ts';
import type { MediaWorkers } from './workers.ts';

export interface RoomLimits extends MediaLimits, LoudestLimits {
  /** Bits a second that the meeting sends to all its participants together. */
  readonly egressBitrate: number;
}

export interface RoomEvents {
  /** Loudest first; empty: nobody speaks. */
  readonly onSpeakers: (participantIds: string[]) => void;
  /** Its worker died, its transports and producers with it: told before anything else can be told of that. */
  readonly onLost: (participantId: string) => void;
  /** After `onLost`: now there is another worker on which it can open them again. */
  readonly onReopen: (participantId: string) => void;
  /** What it received came over a worker that died; the producers live, and can be consumed again. */
  readonly onConsumersGone: (participantId: string, gone: readonly GoneConsumer[]) => void;
  /** Up to which spatial layer anybody sees a participant's video; null: nobody does. */
  readonly onWanted: (participantId: string, producerId: string, spatialLayer: number | null) => void;
  /** No worker has run for long. */
  readonly onDied: () => void;
  /** Something was not done that is not worth ending anything for. */
  readonly onFailed: (cause: unknown) => void;
  /** See SenderWatchOptions. */
  readonly watch: Omit<SenderWatchOptions, 'router'>;
}

export interface RoomPatience {
  /** How long a meeting waits for a worker when none runs. */
  readonly noWorkerMs: number;
  /**
   * How long those whose worker died wait for the one in its place: the others would have to carry them all. It starts in a tenth of that; longer:
   * where it does not, they are without media for longer.
   */
  readonly replacedMs: number;
}

export const roomPatience: RoomPatience = { noWorkerMs: 10_000, replacedMs: 1_500 };

/** For one report of consumers that went together, in milliseconds: workers tell of each by itself. */
const goneTogetherMs = 50;
/**
 * Participants to whom something is done in one turn of the event loop. Each may be a request to its worker for every voice that is forwarded no
 * longer, 16 at first and some 100 µs each; more would hold up messages and keys by as much.
 */
const perTurn = 5;
/** Bits a second of one participant's share at least: voices, however large the meeting. */
const leastShare = 100_000;
/** A share that moved by less is not worth asking all participants: half of what each of them tolerates. */
const reshareFrom = 0.1;
/** Voices that an observer tells of, at least. */
const speakersTold = 5;

/** A router, or one that is being made, and who is or will be at home there. */
interface Seat {
  readonly opening: Promise<RoomRouter>;
  readonly residents: Set<ParticipantMedia>;
  router: RoomRouter | null;
}

type Counts = SenderWatch['counts'];

export class MediaRoom {
  readonly #workers: MediaWorkers;
  readonly #limits: RoomLimits;
  readonly #events: RoomEvents;
  readonly #patience: RoomPatience;
  readonly #participants = new Map<string, ParticipantMedia>();
  readonly #seats = new Map<number, Seat>();
  readonly #streams: RoomStreams;
  readonly #speakers: Speakers;
  readonly #heeding: Turns<ParticipantMedia>;
  readonly #limiting: Turns<ParticipantMedia>;
  readonly #reopening: Turns<ParticipantMedia>;
  /** participantId → consumers that went, about to be told. */
  readonly #gone = new Map<string, GoneConsumer[]>();
  #goneTimer: NodeJS.Timeout | null = null;
  /** What watches on routers that died had counted. */
  #inspectedBefore: Counts = { inspected: 0, outOfOrder: 0, turns: 0 };
  #rtpCapabilities: RtpCapabilities = {};
  /** Bits a second of a participant's share, as it was last set for all. */
  #shared = unlimitedBitrate;
  /** Set while no worker runs. */
  #ending: NodeJS.Timeout | null = null;
  /** Called when a worker runs again, or the room closes. */
  readonly #waiting = new Set<() => void>();
  readonly #stopListening: () => void;
  #closed = false;

  private constructor(workers: MediaWorkers, limits: RoomLimits, events: RoomEvents, patience: RoomPatience) {
    this.#workers = workers;
    this.#patience = patience;
    this.#limits = limits;
    this.#events = events;
    const { nowMs } = events.watch;
    this.#streams = new RoomStreams({
      listenInfo: workers.pipeListenInfo,
      keyFrameRequestDelayMs: limits.keyFrameRequestDelayMs,
      loudest: limits,
      nowMs,
      onAudible: () => this.#heeding.add(this.#participants.values()),
      onWanted: events.onWanted,
      onFailed: events.onFailed,
    });
    this.#speakers = new Speakers({
      intervalMs: audioLevels.intervalMs,
      most: Math.max(speakersTold, limits.loudest),
      nowMs,
      onLevels: (levels) => {
        this.#streams.heard(levels);
        events.onSpeakers(levels.slice(0, speakersTold).map(({ participantId }) => participantId));
      },
    });
    this.#heeding = new Turns(perTurn, (media) => this.#follow(media, media.heed()));
    this.#limiting = new Turns(perTurn, (media) => this.#follow(media, media.limitEgress()));
    this.#reopening = new Turns(perTurn, (media) => this.#follow(media, this.#reopen(media)));
    this.#stopListening = workers.onReplaced(() => this.#workerAgain());
  }

  static async open(
    workers: MediaWorkers,
    limits: RoomLimits,
    events: RoomEvents,
    patience: RoomPatience = roomPatience,
  ): Promise<MediaRoom> {
    const room = new MediaRoom(workers, limits, events, patience);
    try {
      const { router } = await room.#seatOf(room.#choose()).opening;
      room.#rtpCapabilities = router.rtpCapabilities;
      return room;
    } catch (thrown) {
      room.close();
      throw thrown;
    }
  }

  /** The same of all its routers. */
  get rtpCapabilities(): RtpCapabilities {
    return this.#rtpCapabilities;
  }

  /** What is piped between its routers. */
  get pipes(): RoomStreams['pipes'] {
    return this.#streams.pipes;
  }

  /** Worker → participants at home there. */
  get residents(): ReadonlyMap<number, number> {
    return new Map([...this.#seats].map(([index, { residents }]) => [index, residents.size]));
  }

  addParticipant(participantId: string): ParticipantMedia {
    const media: ParticipantMedia = new ParticipantMedia({
      participantId,
      limits: this.#limits,
      place: () => this.#place(media),
      share: () => this.#share,
      findProducer: (producerId) => this.#streams.find(producerId),
      isAudible: (producerId) => this.#streams.isAudible(producerId),
      onMuted: (producerId, muted) => this.#streams.setMuted(producerId, muted),
      onConsumerGone: (gone) => this.#consumerGone(participantId, gone),
      onClose: () => this.#removed(participantId, media),
    });
    this.#participants.set(participantId, media);
    this.#reshare();
    return media;
  }

  /** What the watches on senders have counted. */
  get inspected(): Counts {
    return [...this.#seats.values()].reduce(
      (sum, { router }) => (router === null ? sum : added(sum, router.watch.counts)),
      this.#inspectedBefore,
    );
  }

  /** Nobody opens frames of this epoch any more. */
  retired(epoch: EpochId): void {
    for (const { router } of this.#seats.values()) router?.watch.retired(epoch);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopListening();
    for (const timer of [this.#ending, this.#goneTimer]) if (timer !== null) clearTimeout(timer);
    for (const turns of [this.#heeding, this.#limiting, this.#reopening]) turns.close();
    this.#speakers.close();
    for (const media of this.#participants.values()) media.close();
    this.#streams.close();
    for (const { router } of this.#seats.values()) router?.close();
    this.#workerAgain();
  }

  #removed(participantId: string, media: ParticipantMedia): void {
    this.#participants.delete(participantId);
    this.#gone.delete(participantId);
    for (const { residents } of this.#seats.values()) residents.delete(media);
    this.#reshare();
  }

  get #share(): number {
    const share = Math.floor(this.#limits.egressBitrate / Math.max(1, this.#participants.size));
    return Math.min(unlimitedBitrate, Math.max(leastShare, share));
  }

  /** Everybody's, once it has moved enough; who opens media meanwhile takes the newest. */
  #reshare(): void {
    const share = this.#share;
    if (this.#closed || Math.abs(share - this.#shared) / Math.min(share, this.#shared) < reshareFrom) return;
    this.#shared = share;
    this.#limiting.add(this.#participants.values());
  }

  // Workers

  /** @throws LatchkeyError `worker_died` where none runs. */
  #choose(): number {
    const workers = this.#workers.loads().map((load) => ({
      ...load,
      residents: this.#seats.get(load.index)?.residents.size ?? null,
    }));
    const chosen = placeAnyway(workers, this.#workers.limits);
    if (chosen === null) throw new LatchkeyError('worker_died', 'no media worker is running');
    return chosen;
  }

  /** The one that there is, or is being made, or a new one. */
  #seatOf(index: number): Seat {
    const known = this.#seats.get(index);
    if (known !== undefined) return known;
    const most = Math.max(speakersTold, this.#limits.loudest);
    const opening = RoomRouter.open(this.#workers, index, most, {
      watch: this.#events.watch,
      onLevels: (levels) => this.#speakers.report(index, levels),
      onDied: (router) => this.#routerDied(index, router),
    });
    const seat: Seat = { opening, residents: new Set(), router: null };
    this.#seats.set(index, seat);
    opening.then(
      (router) => {
        seat.router = router;
        if (this.#closed || router.router.closed) router.close();
      },
      () => {
        if (this.#seats.get(index) === seat) this.#seats.delete(index);
      },
    );
    return seat;
  }

  /** On which worker it is at home from now on; waits where none runs. */
  async #place(media: ParticipantMedia): Promise<Home> {
    while (!this.#closed && !media.closed) {
      if (this.#workers.alive === 0) {
        await this.#untilWorker();
        continue;
      }
      const seat = this.#seatOf(this.#choose());
      seat.residents.add(media);
      try {
        const router = await seat.opening;
        if (!router.router.closed) return this.#homeAt(router);
      } catch (thrown) {
        if (!(thrown instanceof LatchkeyError && thrown.code === 'worker_died')) throw thrown;
      } finally {
        if (seat.router?.router.closed !== false || media.closed) seat.residents.delete(media);
      }
    }
    throw new LatchkeyError('closed');
  }

  #homeAt(at: RoomRouter): Home {
    return {
      router: at.router,
      server: at.server,
      use: (producerId) => this.#streams.use(producerId, at),
      onProducer: (producer) => {
        at.watch.add(producer);
        const owner = this.#participants.get(String(producer.appData['participantId']));
        this.#streams.add(producer, at, owner?.isMuted(producer.id) ?? false);
        if (producer.kind === 'audio') at.hear(producer).catch((cause) => this.#events.onFailed(cause));
      },
    };
  }

  #routerDied(index: number, { router, watch }: RoomRouter): void {
    const seat = this.#seats.get(index);
    if (this.#closed || seat === undefined) return;
    this.#seats.delete(index);
    this.#speakers.report(index, []);
    this.#inspectedBefore = added(this.#inspectedBefore, watch.counts);
    watch.close();
    this.#expectWorker();
    // Who was just being placed there looks for another place itself.
    const stranded = [...seat.residents].filter((media) => media.lost(router));
    for (const { participantId } of stranded) this.#events.onLost(participantId);
    this.#afterReplacement(() => this.#reopening.add(stranded));
  }

  #afterReplacement(then: () => void): void {
    const go = (): void => {
      clearTimeout(timer);
      this.#waiting.delete(go);
      then();
    };
    const timer = setTimeout(go, this.#patience.replacedMs).unref();
    this.#waiting.add(go);
  }

  async #reopen(media: ParticipantMedia): Promise<void> {
    await media.settle();
    this.#events.onReopen(media.participantId);
  }

  #expectWorker(): void {
    if (this.#workers.alive > 0) return;
    this.#ending ??= setTimeout(() => this.#events.onDied(), this.#patience.noWorkerMs).unref();
  }

  #untilWorker(): Promise<void> {
    this.#expectWorker();
    return new Promise((resolve) => void this.#waiting.add(resolve));
  }

  #workerAgain(): void {
    if (this.#ending !== null) clearTimeout(this.#ending);
    this.#ending = null;
    const waiting = [...this.#waiting];
    // Whoever finds no place waits again.
    this.#waiting.clear();
    for (const then of waiting) then();
  }

  // Consumers

  #consumerGone(participantId: string, gone: GoneConsumer): void {
    if (this.#closed || !this.#participants.has(participantId)) return;
    this.#gone.set(participantId, [...(this.#gone.get(participantId) ?? []), gone]);
    this.#goneTimer ??= setTimeout(() => this.#tellGone(), goneTogetherMs).unref();
  }

  #tellGone(): void {
    this.#goneTimer = null;
    const all = [...this.#gone];
    this.#gone.clear();
    for (const [participantId, gone] of all) {
      const live = gone.filter(({ producerId }) => this.#streams.find(producerId) !== undefined);
      if (live.length > 0) this.#events.onConsumersGone(participantId, live);
    }
  }

  #follow(media: ParticipantMedia, work: Promise<void>): void {
    work.catch((cause: unknown) => {
      if (!this.#closed && !media.closed) this.#events.onFailed(cause);
    });
  }
}

const added = (a: Counts, b: Counts): Counts => ({
  inspected: a.inspected + b.inspected,
  outOfOrder: a.outOfOrder + b.outOfOrder,
  turns: a.turns + b.turns,
});
