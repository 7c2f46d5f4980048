// Participants by hand: what each was told of who is here, and the requests that every scenario needs.

import assert from 'node:assert/strict';
import { serverNotices } from '../../src/protocol/signaling.ts';
import type { NoticeData, Participant, Producer } from '../../src/protocol/signaling.ts';
import { api } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { RawClient, joinAsk } from './rawClient.ts';
import type { Received } from './rawClient.ts';

type Role = 'host' | 'presenter' | 'viewer';

export const rtpCapabilities = {
  codecs: [
    {
      kind: 'audio',
      mimeType: 'audio/opus',
      preferredPayloadType: 111,
      clockRate: 48_000,
      channels: 2,
      parameters: {},
      rtcpFeedback: [],
    },
  ],
  headerExtensions: [],
};

let lastSsrc = 5_000;

export const opusParameters = (mid: string) => ({
  mid,
  codecs: [
    {
      mimeType: 'audio/opus',
      payloadType: 111,
      clockRate: 48_000,
      channels: 2,
      parameters: {},
      rtcpFeedback: [],
    },
  ],
  headerExtensions: [],
  encodings: [{ ssrc: ++lastSsrc }],
  rtcp: { cname: 'guest' },
});

export class Attendee {
  readonly client: RawClient;
  readonly participants = new Map<string, Participant>();
  readonly producers = new Map<string, Producer>();
  readonly left = new Map<string, string>();
  id = '';
  #looks: { isTrue: () => boolean; resolve: () => void }[] = [];
  #stream = 0;

  constructor(client: RawClient) {
    this.client = client;
    client.onMessage = (message) => this.#take(message);
  }

  static async connect(server: ServerProcess): Promise<Attendee> {
    return new Attendee(await RawClient.connect(server.url));
  }

  static async join(server: ServerProcess, meeting: string, name: string, role: Role): Promise<Attendee> {
    const attendee = await Attendee.connect(server);
    await attendee.enter(await api(server).token(meeting, name, role));
    return attendee;
  }

  async enter(token: string): Promise<void> {
    const reply = await this.client.request('join', joinAsk(token));
    assert.equal(reply.ok, true, reply.error?.code ?? '');
  }

  /** Resolves when it is true of what was told so far. */
  until(isTrue: () => boolean): Promise<void> {
    if (isTrue()) return Promise.resolve();
    return new Promise((resolve) => this.#looks.push({ isTrue, resolve }));
  }

  /** All notices of this name that have come. */
  told(name: string): Record<string, unknown>[] {
    return this.client.received.flatMap(({ notice, data = {} }) => (notice === name ? [data] : []));
  }

  async toldOf(name: string, times = 1): Promise<Record<string, unknown>> {
    await this.until(() => this.told(name).length >= times);
    return this.told(name).at(-1) ?? assert.fail();
  }

  sees({ id }: Attendee): Participant | undefined {
    return this.participants.get(id);
  }

  producersOf({ id }: Attendee): Producer[] {
    return [...this.producers.values()].filter(({ participantId }) => participantId === id);
  }

  outcome(method: string, data: unknown = {}): Promise<string> {
    return this.client.outcome(method, data);
  }

  /** Its transport to send over; null: it has none. */
  async openMedia(): Promise<string | null> {
    const { data, error } = await this.client.request('openMedia', { rtpCapabilities });
    assert.equal(error, undefined);
    const send = data?.['send'] as { id: string } | null;
    return send?.id ?? null;
  }

  produce(transportId: string, source = 'microphone'): Promise<Received> {
    const stream = this.#stream++;
    const rtpParameters = opusParameters(String(stream));
    return this.client.request('produce', {
      transportId,
      kind: 'audio',
      source,
      rtpParameters,
      paused: false,
      stream,
    });
  }

  /** Opens media and sends; the producer. */
  async send(source = 'microphone'): Promise<string> {
    const transportId = await this.openMedia();
    assert.ok(transportId !== null);
    const { data, error } = await this.produce(transportId, source);
    assert.equal(error, undefined, error?.code ?? '');
    return String(data?.['producerId']);
  }

  #take({ notice, ok, data }: Received): void {
    if (notice === 'roster') this.#roster(serverNotices.roster.parse(data));
    // In the order of arrival: what follows the answer to `join` changes what it says.
    if (ok === true && data?.['admission'] !== undefined && data['participantId'] !== undefined)
      this.#entered(data);
    const looks = this.#looks;
    this.#looks = looks.filter(({ isTrue }) => !isTrue());
    for (const { isTrue, resolve } of looks) if (isTrue()) resolve();
  }

  #entered(data: Record<string, unknown>): void {
    this.id = String(data['participantId']);
    const { participants, producers } = data as { participants: Participant[]; producers: Producer[] };
    this.#roster({ full: true, participants, left: [], producers, removed: [] });
  }

  #roster({ full, participants, left, producers, removed }: NoticeData<'roster'>): void {
    if (full) {
      this.participants.clear();
      this.producers.clear();
    }
    for (const { participantId, cause } of left) {
      this.left.set(participantId, cause);
      this.participants.delete(participantId);
      for (const [id, of] of this.producers)
        if (of.participantId === participantId) this.producers.delete(id);
    }
    for (const { producerId } of removed) this.producers.delete(producerId);
    for (const participant of participants) this.participants.set(participant.participantId, participant);
    for (const producer of producers) this.producers.set(producer.producerId, producer);
  }
}
