// A process of participants with real media, at the real server and at the bare one: they join, one of them sends, the others count
// what comes. Nothing is opened: that would cost this process what it costs no server.

import { BareSeat } from './bareSeat.ts';
import { answerBy } from './childProcess.ts';
import { LatchkeySeat } from './latchkeySeat.ts';
import { mediaPeersEnded, MediaPeer } from './mediaParts.ts';
import type { Direction, SyntheticMedia } from './mediaParts.ts';
import { PacedStream } from './pacedStream.ts';
import type { Burst } from './pacedStream.ts';
import { publications } from './publications.ts';
import type { Publication } from './publications.ts';
import type { Invitation, Seat, Transports } from './seat.ts';

/** Joins under way at a time. More: the storm is fiercer, and each waits longer. */
const joinsAtOnce = 32;
const bindAddress = '127.0.0.1';
const ssrc = 4_242;

export type SideName = 'ours' | 'bare';

export interface Counted {
  readonly viewers: number;
  readonly packets: number;
  /** Of the one who got the fewest. */
  readonly least: number;
}

class Participant {
  packets = 0;
  readonly #seat: Seat;
  readonly #peers: MediaPeer[] = [];
  #sending: { readonly id: string; readonly peer: MediaPeer } | null = null;
  #stream: PacedStream | null = null;

  private constructor(seat: Seat) {
    this.#seat = seat;
  }

  /** Its transports are connected. */
  static async join(invitation: Invitation): Promise<Participant> {
    const { server, url } = invitation;
    const joining =
      server === 'bare' ? BareSeat.join(url, invitation.role) : LatchkeySeat.join(url, invitation.token);
    const participant = new Participant(await joining);
    await participant.#open();
    return participant;
  }

  keyed(): Promise<void> {
    return this.#seat.keyed();
  }

  async consumeAll(): Promise<void> {
    for (const producerId of this.#seat.producerIds) await this.#seat.consume(producerId);
  }

  async publish(media: SyntheticMedia): Promise<void> {
    const transport = this.#sending;
    if (transport === null) throw new Error('this participant may not send');
    const seal = await this.#seat.produce({ media, transportId: transport.id, ssrc });
    this.#stream = new PacedStream({ media, ssrc, seal, send: (packet) => transport.peer.send(packet) });
  }

  async burst(ms: number, wantedBytes: number): Promise<Burst> {
    if (this.#stream === null) throw new Error('this participant does not send');
    return await this.#stream.burst(ms, wantedBytes);
  }

  close(): void {
    this.#seat.close();
    for (const peer of this.#peers) peer.close();
  }

  async #open(): Promise<void> {
    const { send, receive } = await this.#seat.openMedia();
    if (send !== null) this.#sending = { id: send.id, peer: await this.#connect(send, 'send') };
    await this.#connect(receive, 'receive');
  }

  async #connect(transport: Transports['receive'], direction: Direction): Promise<MediaPeer> {
    const connected = Promise.withResolvers<void>();
    // Looked at when it is awaited; a transport may fail before that.
    connected.promise.catch(() => undefined);
    const peer = new MediaPeer(
      { name: direction, bindAddress },
      {
        onRtp: () => void this.packets++,
        onRtcp: (packet) => this.#feedback(packet),
        onState: (state) => {
          if (state === 'connected') connected.resolve();
          else if (state !== 'connecting') connected.reject(new Error(`media are ${state}`));
        },
      },
    );
    this.#peers.push(peer);
    await this.#seat.connectTransport(transport.id, await peer.answer(transport, direction));
    await connected.promise;
    return peer;
  }

  /** RFC 4585 §6.3.1: there is one stream that a picture loss indication may be about. */
  #feedback(bytes: Buffer): void {
    for (let at = 0; at + 12 <= bytes.length; at += 4 * (bytes.readUInt16BE(at + 2) + 1))
      if (bytes[at + 1] === 206 && ((bytes[at] ?? 0) & 0x1f) === 1) this.#stream?.keyFrameWanted();
  }
}

const viewers: Record<SideName, Participant[]> = { ours: [], bare: [] };
const publishers: Partial<Record<SideName, Participant>> = {};

const leave = (leaving: readonly (Participant | undefined)[]): void => {
  for (const participant of leaving) participant?.close();
};

answerBy(
  {
    /** Resolves when all have joined, are connected, and have a key. */
    join: async (ask: { side: SideName; invitations: Invitation[] }): Promise<void> => {
      const left = [...ask.invitations];
      const joined: Participant[] = [];
      const joinSome = async (): Promise<void> => {
        for (let invitation = left.pop(); invitation !== undefined; invitation = left.pop()) {
          const participant = await Participant.join(invitation);
          viewers[ask.side].push(participant);
          joined.push(participant);
          await participant.consumeAll();
        }
      };
      await Promise.all(Array.from({ length: joinsAtOnce }, joinSome));
      await Promise.all(joined.map((participant) => participant.keyed()));
    },
    publish: async (ask: {
      side: SideName;
      invitation: Invitation;
      publication: Publication;
    }): Promise<void> => {
      const publisher = await Participant.join(ask.invitation);
      publishers[ask.side] = publisher;
      await publisher.keyed();
      await publisher.publish(publications[ask.publication]);
    },
    burst: async (ask: { side: SideName; ms: number; wantedBytes: number }): Promise<Burst> => {
      const publisher = publishers[ask.side];
      if (publisher === undefined) throw new Error('nobody sends');
      return await publisher.burst(ask.ms, ask.wantedBytes);
    },
    /** Counting begins anew. */
    count: (side: SideName): void => {
      for (const viewer of viewers[side]) viewer.packets = 0;
    },
    counted: (side: SideName): Counted => {
      const packets = viewers[side].map((viewer) => viewer.packets);
      return {
        viewers: packets.length,
        packets: packets.reduce((sum, one) => sum + one, 0),
        least: packets.length === 0 ? Infinity : Math.min(...packets),
      };
    },
    /** So many viewers go, the last to come first; resolves when their transports are gone. */
    leave: async ({ side, count }: { side: SideName; count: number }): Promise<void> => {
      leave(viewers[side].splice(Math.max(0, viewers[side].length - count)));
      await mediaPeersEnded();
    },
    leaveAll: async (side: SideName): Promise<void> => {
      leave([...viewers[side].splice(0), publishers[side]]);
      delete publishers[side];
      await mediaPeersEnded();
    },
    /** Milliseconds of processor until now. */
    cpu: (): number => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1_000;
    },
  },
  () => process.exit(0),
);
