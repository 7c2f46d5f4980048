// A meeting's server as far as clients can tell: real WebSockets, the protocol's schemas, and the custodian's own vault, whose key
// messages are the real ones. What it sends and when is the test's to say; with `automatic`, it rekeys for every join and departure and
// activates when everybody acknowledged. A member whose socket is cut stays for as long as the test lets it, and may resume.
// More than 400 lines: one server, whose answers stand beside what they change.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { RawData, WebSocket } from 'ws';
import { fromBase64Url, toBase64Url } from '../../src/protocol/bytes.ts';
import { lease as toLease } from '../../src/protocol/names.ts';
import type { ReadmissionReason, Role } from '../../src/protocol/names.ts';
import {
  clientEnvelope,
  clientNotices,
  isClientNotice,
  isMethod,
  requests,
} from '../../src/protocol/signaling.ts';
import type { Answer, Ask, Door, Method, Producer } from '../../src/protocol/signaling.ts';
import { defaultTimers } from '../../src/protocol/timers.ts';
import { delta, Member } from './member.ts';
import { meetingId, MeetingKeys } from './meetingKeys.ts';
import type { Change, Rekeyed } from './meetingKeys.ts';
import { cut, held, Refused } from './serverOptions.ts';
import { servePage } from './serverPage.ts';
import { claimsIn, refusal } from './visit.ts';
import type { Answering, Visit } from './visit.ts';
import type { MeetingServerOptions } from './serverOptions.ts';

export { cut, delta, held, Member, meetingId, Refused };
export type { MeetingServerOptions };

export class MeetingServer {
  readonly url: string;
  readonly keys = new MeetingKeys();
  readonly members: Member[] = [];
  /** What the members send: what `join`, `resume` and `consume` answer from. */
  readonly producers: Producer[] = [];
  /** The address of every request and every WebSocket. */
  readonly requested: string[] = [];
  door: Door = { locked: false, lobby: false, live: true };
  /** Nobody gets through to the server. */
  shut = false;
  /** Whoever resumes is sent everything again, whatever it says that it has. */
  forgetful = false;
  readonly #options: MeetingServerOptions;
  readonly #http: Server;
  readonly #sockets: WebSocketServer;
  readonly #keyed = new Set<Member>();
  /** Whose answer is held, and how it is given. */
  readonly #waiting = new Map<Member, () => void>();
  #activated: Rekeyed | null = null;
  #serial = 0;
  #joined = 0;

  private constructor(options: MeetingServerOptions, http: Server) {
    this.#options = options;
    this.#http = http;
    this.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    this.#sockets = new WebSocketServer({
      server: http,
      path: '/v1/connect',
      verifyClient: () => !this.shut,
      handleProtocols: () => (options.subprotocol === false ? false : 'latchkey.1'),
    });
    this.#sockets.on('connection', (socket) => this.#connected(socket));
    http.on('upgrade', ({ url }) => this.requested.push(url ?? ''));
    http.on('request', ({ url }, response) => {
      this.requested.push(url ?? '');
      servePage(options, this.signingKey, url ?? '', response);
    });
  }

  static async start(options: MeetingServerOptions = {}): Promise<MeetingServer> {
    const http = createServer();
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    return new MeetingServer(options, http);
  }

  async close(): Promise<void> {
    this.members.length = 0;
    this.keys.close();
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
    this.#http.closeAllConnections();
    this.#http.close();
    await once(this.#http, 'close');
  }

  /** As a JWT is written; who signed it is nothing that a client looks at. */
  token(name: string, role: Role = 'presenter'): string {
    const part = (value: unknown): string => toBase64Url(new TextEncoder().encode(JSON.stringify(value)));
    return `${part({ alg: 'EdDSA' })}.${part({ name, role })}.c2ln`;
  }

  member(name: string): Member {
    const member = this.members.find((one) => one.name === name);
    if (member === undefined) throw new Error(`${name} has not joined`);
    return member;
  }

  get signingKey(): Uint8Array {
    return this.keys.signingKey;
  }

  /** Made, not sent. */
  rekey(change: Change): Rekeyed {
    const made = this.keys.rekey(change);
    for (const member of change.departures ?? []) this.#keyed.delete(member);
    for (const member of change.moves ?? []) {
      for (const [at, producer] of this.producers.entries()) {
        if (producer.participantId === member.participantId)
          this.producers[at] = { ...producer, lease: member.lease };
      }
    }
    return made;
  }

  /** To everybody who gets one. */
  deliver(made: Rekeyed): void {
    for (const member of this.members) {
      if (this.#keyed.has(member) || made.welcomes.has(member.lease)) this.#deliverTo(member, made);
      if (made.welcomes.has(member.lease)) this.#keyed.add(member);
    }
  }

  activate(made: Rekeyed): void {
    this.#activated = made;
    for (const member of this.#keyed) this.#activateFor(member, made);
  }

  /** Rekeys, delivers, and activates without waiting. */
  rotate(change: Change): Rekeyed {
    const made = this.rekey(change);
    this.deliver(made);
    this.activate(made);
    return made;
  }

  /** Everybody else is told. */
  announce(producer: Producer): void {
    this.producers.push(producer);
    for (const member of this.members)
      if (member.participantId !== producer.participantId)
        member.notice('roster', delta({ producers: [producer] }));
  }

  /** Asks for one more admission, and resolves when it has been given. */
  async readmit(member: Member, reason: ReadmissionReason = 'renewal'): Promise<void> {
    const before = member.received.filter(({ name }) => name === 'readmit').length;
    member.notice('readmit', { reason });
    await member.sent(
      'readmit',
      () => member.received.filter(({ name }) => name === 'readmit').length > before,
    );
  }

  /** The sockets of whoever is not in the meeting. */
  cutStrangers(): void {
    const known = new Set(this.members.map(({ socket }) => socket));
    for (const socket of this.#sockets.clients) if (!known.has(socket)) socket.terminate();
  }

  /** Answers now what was `held`. */
  release(member: Member): void {
    this.#waiting.get(member)?.();
    this.#waiting.delete(member);
  }

  /** The resume window has passed, or the member left: it is out. */
  expire(member: Member): void {
    this.#left(member);
  }

  #deliverTo(member: Member, { epoch, rekey, welcomes, leases }: Rekeyed): void {
    if (leases.length > 0) member.notice('leases', { epoch, leases });
    const message = welcomes.get(member.lease) ?? rekey;
    if (message !== null) member.keyMessage(message);
  }

  #activateFor(member: Member, { epoch, fingerprint, trigger }: Rekeyed): void {
    member.notice('activated', { epoch, fingerprint: toBase64Url(fingerprint), trigger });
  }

  #connected(socket: WebSocket): void {
    const visit: Visit = { socket, member: null, challenge: null };
    socket.on('message', (data: RawData) => {
      const message = clientEnvelope.parse(JSON.parse((data as Buffer).toString()));
      if ('notice' in message) {
        if (visit.member !== null) this.#notice(visit.member, message.notice, message.data);
        return;
      }
      if (!isMethod(message.method)) throw new Error(`there is no ${message.method}`);
      const ask = requests[message.method].ask.parse(message.data);
      this.#request(visit, message.id, message.method, ask);
    });
    socket.on('close', (code: number) => {
      const { member } = visit;
      // Whoever says goodbye has left; whoever does not may come back.
      if (member?.socket === socket && code === 1000) this.#left(member);
    });
  }

  #request(visit: Visit, id: number, method: Method, ask: unknown): void {
    const { socket } = visit;
    if (method === 'join') {
      const { name, role } = claimsIn((ask as Ask<'join'>).token);
      visit.member = new Member(socket, name, role);
    }
    const member = visit.member ?? this.#resuming(ask);
    if (member === undefined) {
      this.#strange(visit, id, method);
      return;
    }
    const answer = this.#options.intercept?.(member, method, ask) ?? this.#answer(visit, member, method, ask);
    if (answer === cut || this.#options.loses?.(member, method) === true) {
      socket.terminate();
      member.note(method, ask);
      return;
    }
    if (answer === held) {
      this.#waiting.set(member, () =>
        this.#send(visit, { id, member, method, ask, answer: this.#answer(visit, member, method, ask) }),
      );
    } else this.#send(visit, { id, member, method, ask, answer });
    member.note(method, ask);
  }

  #send(visit: Visit, { id, member, method, ask, answer }: Answering): void {
    const { socket } = visit;
    if (answer instanceof Refused) {
      socket.send(refusal(id, answer));
      // Nobody was let in: the same socket may ask again.
      if (method === 'join') visit.member = null;
    } else if (typeof answer === 'string') socket.send(answer);
    else {
      socket.send(JSON.stringify({ id, ok: true, data: answer }));
      this.#answered(visit, member, method, ask);
    }
  }

  /** Before it is known who it is. */
  #strange(visit: Visit, id: number, method: Method): void {
    const instead = method === 'challenge' ? this.#options.challenged?.() : undefined;
    if (instead === cut) visit.socket.terminate();
    else if (instead !== undefined) visit.socket.send(refusal(id, instead));
    else if (method === 'challenge') {
      visit.challenge = new Uint8Array(randomBytes(32));
      visit.socket.send(JSON.stringify({ id, ok: true, data: { challenge: toBase64Url(visit.challenge) } }));
    } else visit.socket.send(refusal(id, new Refused(method === 'resume' ? 'resume_refused' : 'not_joined')));
  }

  #resuming(ask: unknown): Member | undefined {
    const { participantId } = ask as Partial<Ask<'resume'>>;
    return this.members.find((member) => member.participantId === participantId);
  }

  #answered(visit: Visit, member: Member, method: Method, ask: unknown): void {
    if (method === 'leave') {
      member.notice('ended', { reason: 'left' });
      member.socket.close();
      this.#left(member);
    } else if (method === 'resume' && visit.member === member) this.#replay(member, ask as Ask<'resume'>);
    else if (method === 'join' && this.#options.automatic === true)
      this.deliver(this.rekey({ joins: [member] }));
  }

  #answer(visit: Visit, member: Member, method: Method, ask: unknown): unknown {
    const answers: { readonly [M in Method]?: () => unknown } = {
      challenge: () => new Refused('already_joined'),
      join: () => this.#join(member, ask as Ask<'join'>),
      resume: () => this.#resume(visit, member, ask as Ask<'resume'>),
      readmit: () => this.#readmit(member, ask as Ask<'readmit'>),
      produce: () => {
        const producerId = `producer ${++this.#serial}`;
        member.producers.add(producerId);
        return { producerId };
      },
      closeProducer: () => {
        member.producers.delete((ask as Ask<'closeProducer'>).producerId);
        return {};
      },
      consume: () => this.#consume(member, ask as Ask<'consume'>),
    };
    return answers[method]?.() ?? {};
  }

  #consume(member: Member, { producerId }: Ask<'consume'>): Answer<'consume'> | Refused {
    const producer = this.producers.find((one) => one.producerId === producerId);
    if (producer === undefined) return new Refused('producer_not_found');
    const { kind, lease, stream, paused } = producer;
    const consumerId = `consumer ${++this.#serial}`;
    member.consumers.add(consumerId);
    return { consumerId, producerId, kind, rtpParameters: {}, lease, stream, producerPaused: paused };
  }

  #resume(visit: Visit, member: Member, ask: Ask<'resume'>): Answer<'resume'> | Refused {
    const { challenge } = visit;
    visit.challenge = null;
    const proved = challenge !== null && ask.proofs.some((proof) => this.#proves(member, challenge, proof));
    if (!proved || ask.meeting !== meetingId) return new Refused('resume_refused');
    const before = member.socket;
    visit.member = member;
    member.socket = visit.socket;
    if (before.readyState === before.OPEN) {
      before.send(JSON.stringify({ notice: 'ended', data: { reason: 'superseded' } }));
      before.close();
    }
    for (const own of member.producers) if (!ask.producers.includes(own)) member.producers.delete(own);
    for (const own of member.consumers) if (!ask.consumers.includes(own)) member.consumers.delete(own);
    return {
      door: this.door,
      participants: this.members.map((one) => one.entry),
      producers: this.producers.filter(({ participantId }) => participantId !== member.participantId),
      gone: {
        producers: ask.producers.filter((own) => !member.producers.has(own)),
        consumers: ask.consumers.filter((own) => !member.consumers.has(own)),
      },
    };
  }

  #proves(member: Member, challenge: Uint8Array, proof: Ask<'resume'>['proofs'][number]): boolean {
    const lease = toLease(proof.lease);
    if (lease !== member.lease && lease !== member.nextLease) return false;
    const bytes = fromBase64Url(proof.proof) ?? new Uint8Array();
    return this.keys.verifies(lease, challenge, bytes);
  }

  #replay(member: Member, { acknowledged }: Ask<'resume'>): void {
    for (const made of this.keys.made) {
      const lacks = acknowledged === null || made.epoch > acknowledged.epoch || this.forgetful;
      if (lacks && (this.#keyed.has(member) || made.welcomes.has(member.lease)))
        this.#deliverTo(member, made);
    }
    if (this.#activated !== null && this.#keyed.has(member)) this.#activateFor(member, this.#activated);
  }

  #readmit(member: Member, { publicKey }: Ask<'readmit'>): Answer<'readmit'> {
    const { admission, lease } = this.keys.admit(member, publicKey);
    member.nextLease = lease;
    return { admission: toBase64Url(admission) };
  }

  #join(member: Member, ask: Ask<'join'>): Answer<'join'> {
    member.participantId = `p-${++this.#joined}`;
    member.tokenId = `t-${member.participantId}`;
    const { participantId, role } = member;
    const admitted = this.keys.admit(member, ask.publicKey);
    member.lease = admitted.lease;
    for (const other of this.members) other.notice('roster', delta({ participants: [member.entry] }));
    this.members.push(member);
    const answer: Answer<'join'> = {
      protocol: 1,
      keying: 'server',
      meeting: { id: meetingId, kind: 'interactive' },
      door: this.door,
      participantId,
      name: member.name,
      role,
      admission: toBase64Url(admitted.admission),
      routerRtpCapabilities: {},
      iceServers: [],
      participants: this.members.map((one) => one.entry),
      producers: [...this.producers],
      timers: {
        receiverGraceMs: defaultTimers.receiverGraceMs,
        epochLifeMs: defaultTimers.epochLifeMs,
        resumeWindowMs: defaultTimers.resumeWindowMs,
        ...this.#options.timers,
      },
    };
    return this.#options.tamper?.(answer) ?? answer;
  }

  #notice(member: Member, notice: string, data: unknown): void {
    if (!isClientNotice(notice)) throw new Error(`there is no notice ${notice}`);
    if (notice === 'confirmed') member.confirmed.push(clientNotices.confirmed.parse(data).epoch);
    else if (notice === 'acknowledged') member.acknowledged.push(clientNotices.acknowledged.parse(data));
    else member.reports.push(clientNotices.report.parse(data));
    member.note(notice, data);
    const current = this.keys.made.at(-1);
    if (this.#options.automatic !== true || notice !== 'acknowledged' || current === undefined) return;
    const all = [...this.#keyed].every(({ acknowledged }) =>
      acknowledged.some(({ epoch }) => epoch === current.epoch),
    );
    if (all) this.activate(current);
  }

  #left(member: Member): void {
    const at = this.members.indexOf(member);
    if (at === -1) return;
    this.members.splice(at, 1);
    for (const other of this.members) {
      other.notice('roster', delta({ left: [{ participantId: member.participantId, cause: 'left' }] }));
    }
    if (this.#options.automatic === true && this.members.length > 0 && this.#keyed.has(member)) {
      this.deliver(this.rekey({ departures: [member] }));
    }
  }
}
