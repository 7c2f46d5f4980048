// The media of one meeting: a router, who is heard, and one ParticipantMedia per participant. It knows nothing of keys: what
// it forwards is sealed. Whether somebody's frames may be forwarded is told to it (`release`, `hold`, `start`), never decided here.

import type { AudioLevelObserver, Producer, Router, RtpCapabilities, WebRtcServer } from 'mediasoup/types';
import type { MediaWorkers } from './workers.ts';
import type { EpochId } from '../protocol/names.ts';
import { ParticipantMedia } from './participantMedia.ts';
import type { MediaLimits } from './participantMedia.ts';
import { SenderWatch } from './senderWatch.ts';
import type { SenderWatchOptions } from './senderWatch.ts';

export interface RoomEvents {
  /** Loudest first; empty: nobody speaks. */
  readonly onSpeakers: (participantIds: string[]) => void;
  /** The worker is gone and everything here with it. */
  readonly onDied: () => void;
  /** See SenderWatchOptions. */
  readonly watch: Omit<SenderWatchOptions, 'router'>;
}

/** Decibels below full scale, averaged over the interval, pauses between words included: speech lies well above, a quiet room below. */
const audioLevels = { maxEntries: 5, threshold: -80, intervalMs: 300 };

export class MediaRoom {
  readonly #router: Router;
  readonly #server: WebRtcServer;
  readonly #levels: AudioLevelObserver;
  readonly #watch: SenderWatch;
  readonly #limits: MediaLimits;
  readonly #participants = new Map<string, ParticipantMedia>();

  private constructor(
    { router, server }: { router: Router; server: WebRtcServer },
    levels: AudioLevelObserver,
    limits: MediaLimits,
    watch: RoomEvents['watch'],
  ) {
    this.#router = router;
    this.#server = server;
    this.#levels = levels;
    this.#limits = limits;
    this.#watch = new SenderWatch({ ...watch, router });
  }

  static async open(workers: MediaWorkers, limits: MediaLimits, events: RoomEvents): Promise<MediaRoom> {
    const { router, server } = await workers.createRouter(events.onDied);
    try {
      const { maxEntries, threshold, intervalMs: interval } = audioLevels;
      const levels = await router.createAudioLevelObserver({ maxEntries, threshold, interval });
      levels.on('volumes', (volumes) =>
        events.onSpeakers(volumes.map(({ producer }) => String(producer.appData['participantId']))),
      );
      levels.on('silence', () => events.onSpeakers([]));
      return new MediaRoom({ router, server }, levels, limits, events.watch);
    } catch (cause) {
      router.close();
      throw cause;
    }
  }

  get rtpCapabilities(): RtpCapabilities {
    return this.#router.rtpCapabilities;
  }

  addParticipant(participantId: string): ParticipantMedia {
    const media = new ParticipantMedia({
      participantId,
      limits: this.#limits,
      router: this.#router,
      server: this.#server,
      findProducer: (producerId) => this.#findProducer(producerId),
      onProducer: (producer) => {
        this.#watch.add(producer);
        if (producer.kind === 'audio') void this.#hear(producer);
      },
      onClose: () => this.#participants.delete(participantId),
    });
    this.#participants.set(participantId, media);
    return media;
  }

  /** What the watch on senders has counted. */
  get inspected(): SenderWatch['counts'] {
    return this.#watch.counts;
  }

  /** Nobody opens frames of this epoch any more. */
  retired(epoch: EpochId): void {
    this.#watch.retired(epoch);
  }

  close(): void {
    this.#watch.close();
    for (const media of this.#participants.values()) media.close();
    this.#router.close();
  }

  #findProducer(producerId: string): Producer | undefined {
    for (const media of this.#participants.values()) {
      const producer = media.producer(producerId);
      if (producer !== undefined) return producer;
    }
    return undefined;
  }

  async #hear(producer: Producer): Promise<void> {
    try {
      await this.#levels.addProducer({ producerId: producer.id });
    } catch (cause) {
      // Gone again before it was heard: nothing is lost.
      if (!producer.closed && !this.#levels.closed) throw cause;
    }
  }
}
