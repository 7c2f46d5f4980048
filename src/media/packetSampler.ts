// Packets received, sent and lost, without asking for every stream all the time: producers and consumers are asked in turn, a few a second, and what
// has come since one's last turn is added. What a stream lost between its last turn and its end is in no count.

import type { Consumer, Producer } from 'mediasoup/types';

export interface PacketCounts {
  /** From participants. */
  received: number;
  /** On the way from participants to the server. */
  lostIn: number;
  /** To participants. */
  sent: number;
  /** On the way from the server to participants, as they report it. */
  lostOut: number;
}

/** Questions a second to all workers together, half of them about producers: some 50 µs each. More: newer figures. */
const asksPerSecond = 50;

interface Seen {
  packets: number;
  lost: number;
}

interface Asked {
  getStats(): Promise<readonly { type: string; packetCount: number; packetsLost: number }[]>;
}

/** Streams of one sort, asked in the order in which they came, over and over. */
class Row {
  readonly #streams = new Map<Asked, Seen>();
  #next = this.#streams.entries();

  add(stream: Asked & { observer: { once(event: 'close', then: () => void): unknown } }): void {
    this.#streams.set(stream, { packets: 0, lost: 0 });
    stream.observer.once('close', () => this.#streams.delete(stream));
  }

  take(most: number): [Asked, Seen][] {
    const taken: [Asked, Seen][] = [];
    while (taken.length < Math.min(most, this.#streams.size)) {
      const { value, done } = this.#next.next();
      if (done === true) this.#next = this.#streams.entries();
      else taken.push(value);
    }
    return taken;
  }
}

export class PacketSampler {
  readonly counts: PacketCounts = { received: 0, lostIn: 0, sent: 0, lostOut: 0 };
  readonly #producers = new Row();
  readonly #consumers = new Row();

  addProducer(producer: Producer): void {
    this.#producers.add(producer);
  }

  addConsumer(consumer: Consumer): void {
    this.#consumers.add(consumer);
  }

  /** To be called once a second. */
  async sample(): Promise<void> {
    const most = asksPerSecond / 2;
    await Promise.all([
      ...this.#producers.take(most).map(async ([producer, seen]) => {
        const { packets, lost } = await this.#ask(producer, 'inbound-rtp', seen);
        this.counts.received += packets;
        this.counts.lostIn += lost;
      }),
      ...this.#consumers.take(most).map(async ([consumer, seen]) => {
        const { packets, lost } = await this.#ask(consumer, 'outbound-rtp', seen);
        this.counts.sent += packets;
        this.counts.lostOut += lost;
      }),
    ]);
  }

  /** What is new. Losses go down again when packets come late: that adds nothing. */
  async #ask(stream: Asked, type: string, seen: Seen): Promise<Seen> {
    const now = { packets: 0, lost: 0 };
    try {
      for (const stat of await stream.getStats()) {
        // A consumer answers with its producer's too.
        if (stat.type !== type) continue;
        now.packets += stat.packetCount;
        now.lost += Math.max(0, stat.packetsLost);
      }
    } catch {
      // Gone while it was asked, also where its worker has not told so yet. Whatever else it was: it is asked again in its next turn.
      return { packets: 0, lost: 0 };
    }
    const added = {
      packets: Math.max(0, now.packets - seen.packets),
      lost: Math.max(0, now.lost - seen.lost),
    };
    seen.packets = Math.max(seen.packets, now.packets);
    seen.lost = Math.max(seen.lost, now.lost);
    return added;
  }
}
