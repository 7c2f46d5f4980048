// People in a meeting of the tests' server, what they send each other, and what they are told.

import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { ConnectOptions } from '../../src/client/session/connect.ts';
import { joinWith } from '../../src/client/session/nodeParticipant.ts';
import type { NodeParticipant } from '../../src/client/session/nodeParticipant.ts';
import { createNodeAgentCrypto } from '../../src/client/session/nodeAgentCrypto.ts';
import type { AgentCrypto } from '../../src/client/session/agentCrypto.ts';
import { streamId } from '../../src/protocol/names.ts';
import type { EpochId } from '../../src/protocol/names.ts';
import type { Ask, Producer } from '../../src/protocol/signaling.ts';
import { decodeHeader } from '../../src/sframe/header.ts';
import { parseKeyId } from '../../src/sframe/keyId.ts';
import type { Member } from './member.ts';
import { MeetingServer } from './meetingServer.ts';
import type { MeetingServerOptions } from './meetingServer.ts';
import { inEpoch, until } from './observe.ts';
import type { VirtualClock } from './virtualClock.ts';

export type Participant = NodeParticipant<Buffer, Buffer>;

export const frame = new TextEncoder().encode('a frame of Opus');
export const stream = streamId(0);

type JoinOptions = Partial<Pick<ConnectOptions, 'clock' | 'random'>> & {
  readonly crypto?: AgentCrypto<Buffer, Buffer>;
};

export class Scene {
  readonly #joined: Participant[] = [];
  #server: MeetingServer | undefined;

  async start(options: MeetingServerOptions = {}): Promise<MeetingServer> {
    this.#server = await MeetingServer.start(options);
    return this.#server;
  }

  async join(name: string, options: JoinOptions = {}): Promise<Participant> {
    assert.ok(this.#server !== undefined);
    const { crypto = createNodeAgentCrypto(), ...rest } = options;
    const { url } = this.#server;
    // The shortest pauses: what they are is tried where time is the test's.
    const join = { url, token: this.#server.token(name), random: () => 0, ...rest };
    const participant = await joinWith(crypto, join);
    this.#joined.push(participant);
    return participant;
  }

  /** One after the other, all of them in the epoch that the last one brought. */
  async gather(...names: string[]): Promise<Participant[]> {
    assert.ok(this.#server !== undefined);
    const people: Participant[] = [];
    for (const name of names) {
      people.push(await this.join(name));
      const { epoch } = this.#server.rotate({ joins: [this.#server.member(name)] });
      await allIn(epoch, ...people);
    }
    return people;
  }

  /** Ann and Ben, in epoch 1. */
  async pair(): Promise<[Participant, Participant]> {
    const [ann, ben] = await this.gather('Ann', 'Ben');
    assert.ok(ann !== undefined && ben !== undefined && this.#server !== undefined);
    await Promise.all(this.#server.members.map((member) => acknowledged(member, 1)));
    return [ann, ben];
  }

  async close(): Promise<void> {
    for (const { session } of this.#joined.splice(0)) session.close();
    await this.#server?.close();
    this.#server = undefined;
  }
}

export const allIn = async (epoch: EpochId, ...people: readonly Participant[]): Promise<void> => {
  await Promise.all(people.map(({ session }) => inEpoch(session, epoch)));
};

/** Resolves when the server has heard it, now or before. */
export const acknowledged = (member: Member, epoch: number): Promise<void> =>
  member.sent('acknowledged', (data: { epoch: number }) => data.epoch === epoch);

/** What it asked for to be resumed, each time. */
export const resumes = (member: Member): Ask<'resume'>[] =>
  member.received.filter((message) => message.name === 'resume').map(({ data }) => data as Ask<'resume'>);

export const produceAsk = {
  transportId: 't',
  kind: 'audio',
  source: 'microphone',
  rtpParameters: {},
  paused: false,
  stream: 0,
} as const;

export const microphone = (of: { participantId: string; lease: number }, producerId = 'mic'): Producer => ({
  ...of,
  producerId,
  kind: 'audio',
  source: 'microphone',
  stream: 0,
  paused: false,
});

export const sealed = async (sender: Participant, of = stream): Promise<Uint8Array> => {
  const bytes = await sender.agent.sender(of, 'opus').seal(frame);
  assert.ok(bytes !== null, 'nothing was sealed');
  return bytes;
};

/** Whether the receiver, made once and kept as a consumer keeps it, opens what the sender seals now. */
export const hears = async (receiver: Participant, sender: Participant): Promise<boolean> => {
  const open = receiver.agent.receiver({ lease: sender.session.lease, stream }, 'opus');
  const opened = await open.open(await sealed(sender));
  open.close();
  return opened !== null;
};

export const assertTalk = async (a: Participant, b: Participant): Promise<void> => {
  assert.deepEqual([await hears(a, b), await hears(b, a)], [true, true], 'they do not hear each other');
  assert.equal(a.session.epoch?.fingerprint, b.session.epoch?.fingerprint);
  assert.equal(a.session.epoch?.chain, b.session.epoch?.chain);
};

/** Of a frame of Opus, as it stands on the wire. */
export const headerOf = (
  bytes: Uint8Array,
): { lease: number; residue: number; kid: number; counter: number } => {
  const { kid, ctr } = decodeHeader(bytes);
  const origin = parseKeyId(kid);
  assert.ok(origin !== null);
  return { lease: origin.lease, residue: origin.residue, kid: Number(kid), counter: Number(ctr) };
};

export type ConnectionState = 'lost' | 'resumed';

/** Everything of the connection that the session tells from now on. */
export const connectionOf = ({ session }: Participant): ConnectionState[] => {
  const states: ConnectionState[] = [];
  session.on('connection', ({ state }) => states.push(state));
  return states;
};

/** Resolves with the next such state. */
export const connection = ({ session }: Participant, state: ConnectionState): Promise<void> =>
  new Promise((resolve) => {
    const off = session.on('connection', (told) => {
      if (told.state !== state) return;
      off();
      resolve();
    });
  });

/** The network cuts this member's socket; resolves when both ends know. */
export const cutOff = async (participant: Participant, member: Member): Promise<void> => {
  const lost = connection(participant, 'lost');
  await member.cut();
  await lost;
};

/** Lets virtual time pass, little by little so that sockets of the real world keep up, until this has happened. */
export const passUntil = async <T>(clock: VirtualClock, happens: Promise<T>): Promise<T> => {
  const passing = new AbortController();
  const settled = happens.finally(() => passing.abort());
  while (!passing.signal.aborted) {
    clock.advance(1);
    await turn();
  }
  return await settled;
};

const anyChallenge = new Uint8Array(32).fill(5);

/** Of the admissions that it holds. */
export const leasesProved = async ({ agent }: Participant): Promise<number[]> =>
  (await agent.prove(anyChallenge)).map(({ lease }) => lease);

/** The agent holds an admission beside the one in use. */
export const holdsTwo = (participant: Participant): Promise<void> =>
  until(async () => (await leasesProved(participant)).length === 2);

/** The admission that the server gave last is the one that waits. */
export const holdsLast = (participant: Participant, { nextLease }: Member): Promise<void> =>
  until(async () => (await leasesProved(participant)).at(-1) === nextLease);
