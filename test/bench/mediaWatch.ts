// What a server of media tells about itself, ours and the bare one alike, by looking on at mediasoup. The server is otherwise as it is.

import { setImmediate as turn } from 'node:timers/promises';
import { observer } from 'mediasoup';
import type { Consumer } from 'mediasoup/types';

export interface ControlMemory {
  /** What is in use on V8's heap, and outside it for JavaScript. */
  readonly usedBytes: number;
  readonly residentBytes: number;
}

/** Finalizers of one collection free what the next collects. */
const collections = 4;

/** Of participants; what the server itself consumes or carries between workers is no packet forwarded. */
const consumers = new Set<Consumer>();

observer.on('newworker', (worker) =>
  worker.observer.on('newrouter', (router) =>
    router.observer.on('newtransport', (transport) => {
      if (transport.type !== 'webrtc') return;
      transport.observer.on('newconsumer', (consumer) => {
        consumers.add(consumer);
        consumer.observer.once('close', () => consumers.delete(consumer));
      });
    }),
  ),
);

const packetsTo = async (consumer: Consumer): Promise<number> => {
  let packets = 0;
  for (const stats of await consumer.getStats())
    if (stats.type === 'outbound-rtp') packets += stats.packetCount;
  return packets;
};

export const watched = {
  /** After a forced collection. */
  memory: async (): Promise<ControlMemory> => {
    if (globalThis.gc === undefined) throw new Error('started without --expose-gc');
    for (let left = collections; left > 0; left--) {
      await globalThis.gc({ type: 'major', execution: 'async' });
      await turn();
    }
    const { heapUsed, external, rss } = process.memoryUsage();
    return { usedBytes: heapUsed + external, residentBytes: rss };
  },
  /** Packets that the workers say they sent to participants who are here. */
  forwarded: async (): Promise<number> => {
    const packets = await Promise.all(Array.from(consumers, packetsTo));
    return packets.reduce((sum, one) => sum + one, 0);
  },
};
