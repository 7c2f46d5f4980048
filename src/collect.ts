// What there is at the moment of a scrape: asked of every part of the server, and handed to observe/scrape.ts as plain data.

import type { CustodianKeeper } from './custodian/keeper.ts';
import type { MediaWorkers } from './media/workers.ts';
import type { MeetingDirectory } from './meeting/directory.ts';
import type { Counts } from './observe/counts.ts';
import { readProcessUsage } from './observe/processUsage.ts';
import type { ProcessUsage } from './observe/processUsage.ts';
import { Risen } from './observe/risen.ts';
import type { CustodianState, ServerState } from './observe/scrape.ts';
import type { JoinGate } from './signaling/joinGate.ts';
import type { SignalingServer } from './signaling/signalingServer.ts';

export interface Collected {
  readonly keeper: CustodianKeeper;
  readonly workers: MediaWorkers;
  readonly directory: MeetingDirectory;
  readonly signaling: SignalingServer;
  readonly gate: JoinGate;
}

export class Collector {
  readonly #parts: Collected;
  readonly #counts: Pick<Counts, 'handshake' | 'packets'>;
  readonly #risen = new Risen();

  constructor(parts: Collected, counts: Pick<Counts, 'handshake' | 'packets'>) {
    this.#parts = parts;
    this.#counts = counts;
  }

  async state(): Promise<ServerState> {
    const { directory, gate, signaling, workers } = this.#parts;
    this.#count();
    const { busy } = gate;
    return {
      meetings: directory.states(),
      workers: workers.loads().map(({ cpuSeconds, rssBytes, cpuShare, ...load }) => ({
        ...load,
        usage: { cpuSeconds, residentBytes: rssBytes, load: cpuShare },
      })),
      custodian: await this.#custodian(),
      sockets: signaling.connections,
      busy: busy === null ? [] : [busy],
    };
  }

  /** What workers count by themselves, as what is new of it. */
  #count(): void {
    const { handshakes, packets } = this.#parts.workers;
    for (const [result, count] of [
      ['ok', handshakes.dtlsConnected],
      ['failed', handshakes.dtlsFailed],
      ['abandoned', handshakes.dtlsAbandoned],
    ] as const)
      this.#counts.handshake(result, this.#risen.by(`handshakes ${result}`, count));
    this.#counts.packets({
      received: this.#risen.by('received', packets.received),
      lostIn: this.#risen.by('lostIn', packets.lostIn),
      sent: this.#risen.by('sent', packets.sent),
      lostOut: this.#risen.by('lostOut', packets.lostOut),
    });
  }

  async #custodian(): Promise<CustodianState> {
    const { keeper } = this.#parts;
    if (!keeper.up) return { slots: null, usage: null };
    const custodian = keeper.current();
    const usage: ProcessUsage | null = await readProcessUsage(custodian.pid);
    try {
      const { slotsUsed, slotsTotal } = await custodian.statistics();
      return { slots: { used: slotsUsed, total: slotsTotal }, usage };
    } catch (thrown) {
      // Lost while it was asked: the next scrape says so.
      if (keeper.up) throw thrown;
      return { slots: null, usage };
    }
  }
}
