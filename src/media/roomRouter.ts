// A meeting's router on one worker, with what stands at every router: an observer of who is heard and a watch on senders, both of the producers
// that arrive there, not of those that are piped in.

import type { AudioLevelObserver, Producer, Router, WebRtcServer } from 'mediasoup/types';
import { SenderWatch } from './senderWatch.ts';
import type { SenderWatchOptions } from './senderWatch.ts';
import type { SpeakerLevel } from './speakers.ts';
import type { MediaWorkers } from './workers.ts';

/** Decibels below full scale, averaged over the interval, pauses between words included: speech lies well above, a quiet room below. */
export const audioLevels = { threshold: -80, intervalMs: 300 };

export interface RouterEvents {
  readonly watch: Omit<SenderWatchOptions, 'router'>;
  /** Loudest first. */
  readonly onLevels: (levels: readonly SpeakerLevel[]) => void;
  /** Its worker is gone, and everything on it. */
  readonly onDied: (at: RoomRouter) => void;
}

export class RoomRouter {
  /** Of its worker. */
  readonly index: number;
  readonly router: Router;
  readonly server: WebRtcServer;
  readonly watch: SenderWatch;
  readonly #levels: AudioLevelObserver;

  private constructor(
    index: number,
    { router, server }: { router: Router; server: WebRtcServer },
    levels: AudioLevelObserver,
    events: RouterEvents,
  ) {
    this.index = index;
    this.router = router;
    this.server = server;
    this.#levels = levels;
    this.watch = new SenderWatch({ ...events.watch, router });
    levels.on('volumes', (volumes) =>
      events.onLevels(
        volumes.map(({ producer, volume }) => ({
          producerId: producer.id,
          participantId: String(producer.appData['participantId']),
          volume,
        })),
      ),
    );
    levels.on('silence', () => events.onLevels([]));
    router.once('workerclose', () => events.onDied(this));
  }

  /** `most`: voices that its observer tells of. @throws LatchkeyError `worker_died`. */
  static async open(
    workers: MediaWorkers,
    index: number,
    most: number,
    events: RouterEvents,
  ): Promise<RoomRouter> {
    const made = await workers.createRouter(index);
    try {
      const { threshold, intervalMs: interval } = audioLevels;
      const levels = await made.router.createAudioLevelObserver({ maxEntries: most, threshold, interval });
      return new RoomRouter(index, made, levels, events);
    } catch (cause) {
      made.router.close();
      throw cause;
    }
  }

  /** Of a producer that arrives here. */
  async hear(producer: Producer): Promise<void> {
    try {
      await this.#levels.addProducer({ producerId: producer.id });
    } catch (cause) {
      // Gone again before it was heard: nothing is lost.
      if (!producer.closed && !this.#levels.closed) throw cause;
    }
  }

  close(): void {
    this.watch.close();
    this.router.close();
  }
}
