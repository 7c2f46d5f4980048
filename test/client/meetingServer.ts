// A meeting's server as far as clients can tell: real WebSockets, the protocol's schemas, and the custodian's own vault, whose key
// messages are the real ones. What it sends and when is the test's to say; with `automatic`, it rekeys for every join and departure and
// activates when everybody acknowledged.

import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { RawData, WebSocket } from 'ws';
import { Slab } from '../../src/custodian/slab.ts';
import { SlabKeys } from '../../src/custodian/slabKeys.ts';
import { Vault } from '../../src/custodian/vault.ts';
import { fromBase64Url, toBase64Url } from '../../src/protocol/bytes.ts';
import type { EpochId, Lease, Role, Trigger } from '../../src/protocol/names.ts';
import {
  clientEnvelope,
  clientNotices,
  isClientNotice,
  isMethod,
  requests,
} from '../../src/protocol/signaling.ts';
import type { Answer, Ask, Method, NoticeData, ServerNotice } from '../../src/protocol/signaling.ts';
import { defaultTimers } from '../../src/protocol/timers.ts';

export const meetingId = 'stand-up';

export interface MeetingServerOptions {
  readonly automatic?: boolean;
  readonly timers?: { readonly receiverGraceMs: number; readonly epochLifeMs: number };
  /** What `/.well-known/latchkey.json` says instead of the truth. */
  readonly identity?: Record<string, unknown>;
  /** Answers before anything else does: an answer, a string to send as it is, or undefined to go on. */
  readonly intercept?: (member: Member, method: string, ask: unknown) => unknown;
  /** Changes what `join` is answered. */
  readonly tamper?: (answer: Answer<'join'>) => Answer<'join'>;
  /** False: it does not say that it speaks `latchkey.1`. */
  readonly subprotocol?: boolean;
  readonly files?: (path: string, response: ServerResponse) => boolean;
}

export interface Rekeyed {
  readonly epoch: EpochId;
  readonly fingerprint: Uint8Array;
  readonly rekey: Uint8Array | null;
  readonly welcomes: ReadonlyMap<Lease, Uint8Array>;
  readonly trigger: Trigger;
}

/** A waiter for something that a client sends. */
interface Waiter {
  readonly matches: (message: { name: string; data: unknown }) => boolean;
  readonly resolve: () => void;
}

export class Member {
  readonly socket: WebSocket;
  readonly name: string;
  readonly role: Role;
  participantId = '';
  lease = 0 as Lease;
  acknowledged: { epoch: number; fingerprint: string }[] = [];
  confirmed: number[] = [];
  /** All that it sent, requests and notices. */
  readonly received: { name: string; data: unknown }[] = [];
  #waiters: Waiter[] = [];

  constructor(socket: WebSocket, name: string, role: Role) {
    this.socket = socket;
    this.name = name;
    this.role = role;
  }

  notice<N extends ServerNotice>(notice: N, data: NoticeData<N>): void {
    this.socket.send(JSON.stringify({ notice, data }));
  }

  keyMessage(message: Uint8Array): void {
    this.socket.send(message);
  }

  /** Resolves when it has sent this, now or before. */
  sent(name: string, matches: (data: never) => boolean = () => true): Promise<void> {
    const test = (message: { name: string; data: unknown }): boolean =>
      message.name === name && matches(message.data as never);
    if (this.received.some(test)) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ matches: test, resolve }));
  }

  note(name: string, data: unknown): void {
    const message = { name, data };
    this.received.push(message);
    const waiting = this.#waiters.filter(({ matches }) => matches(message));
    this.#waiters = this.#waiters.filter((waiter) => !waiting.includes(waiter));
    for (const { resolve } of waiting) resolve();
  }
}

export class MeetingServer {
  readonly url: string;
  readonly signingKey: Uint8Array;
  readonly members: Member[] = [];
  /** The address of every request and every WebSocket. */
  readonly requested: string[] = [];
  readonly #options: MeetingServerOptions;
  readonly #http: Server;
  readonly #sockets: WebSocketServer;
  readonly #vault: Vault;
  readonly #keyed = new Set<Member>();
  #current: Rekeyed | null = null;

  private constructor(
    options: MeetingServerOptions,
    http: Server,
    keys: { privateKey: KeyObject; publicKey: KeyObject },
  ) {
    this.#options = options;
    this.#http = http;
    this.#vault = new Vault(new SlabKeys(new Slab(512)), keys.privateKey);
    this.#vault.openMeeting({ meeting: meetingId });
    this.signingKey = fromBase64Url(keys.publicKey.export({ format: 'jwk' }).x ?? '') ?? new Uint8Array();
    this.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    this.#sockets = new WebSocketServer({
      server: http,
      path: '/v1/connect',
      handleProtocols: () => (options.subprotocol === false ? false : 'latchkey.1'),
    });
    this.#sockets.on('connection', (socket) => this.#connected(socket));
    http.on('upgrade', ({ url }) => this.requested.push(url ?? ''));
    http.on('request', ({ url }, response) => {
      this.requested.push(url ?? '');
      this.#page(url ?? '', response);
    });
  }

  static async start(options: MeetingServerOptions = {}): Promise<MeetingServer> {
    const http = createServer();
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    return new MeetingServer(options, http, generateKeyPairSync('ed25519'));
  }

  async close(): Promise<void> {
    this.members.length = 0;
    this.#vault.close();
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

  /** Made, not sent. */
  rekey(change: { joins?: readonly Member[]; departures?: readonly Member[] }): Rekeyed {
    const { joins = [], departures = [] } = change;
    const trigger = joins.length === 0 ? 'departure' : 'join';
    const made = this.#vault.rekey({
      meeting: meetingId,
      trigger,
      joins: joins.map(({ lease }) => lease),
      departures: departures.map(({ lease }) => lease),
    });
    if (made === null) throw new Error('nothing to rekey for');
    for (const member of departures) this.#keyed.delete(member);
    const { epoch, fingerprint, rekey } = made;
    const welcomes = new Map(made.welcomes.map(({ lease, message }) => [lease, message]));
    this.#current = { epoch, fingerprint, rekey, welcomes, trigger };
    return this.#current;
  }

  /** To everybody who gets one. */
  deliver({ rekey, welcomes }: Rekeyed): void {
    for (const member of this.#keyed) if (rekey !== null) member.keyMessage(rekey);
    for (const member of this.members) {
      const welcome = welcomes.get(member.lease);
      if (welcome === undefined) continue;
      member.keyMessage(welcome);
      this.#keyed.add(member);
    }
  }

  activate({ epoch, fingerprint, trigger }: Rekeyed): void {
    for (const member of this.#keyed) {
      member.notice('activated', { epoch, fingerprint: toBase64Url(fingerprint), trigger });
    }
  }

  /** Rekeys, delivers, and activates without waiting. */
  rotate(change: { joins?: readonly Member[]; departures?: readonly Member[] }): Rekeyed {
    const made = this.rekey(change);
    this.deliver(made);
    this.activate(made);
    return made;
  }

  signTransport(
    member: Member,
    transport: string,
    fingerprints: readonly { algorithm: string; value: string }[],
  ): string {
    const { participantId: participant } = member;
    const ask = { meeting: meetingId, participant, transport, fingerprints: [...fingerprints] };
    return toBase64Url(this.#vault.signTransport(ask));
  }

  #page(path: string, response: ServerResponse): void {
    // Pages of every origin may use the server, as the real one lets them.
    response.setHeader('access-control-allow-origin', '*');
    if (path === '/.well-known/latchkey.json') {
      const identity = { protocol: 1, keying: 'server', signingKey: toBase64Url(this.signingKey) };
      response.end(JSON.stringify({ ...identity, ...this.#options.identity }));
      return;
    }
    if (this.#options.files?.(path, response) === true) return;
    response.statusCode = 404;
    response.end();
  }

  #connected(socket: WebSocket): void {
    let member: Member | null = null;
    socket.on('message', (data: RawData) => {
      const message = clientEnvelope.parse(JSON.parse((data as Buffer).toString()));
      if ('notice' in message) {
        if (member !== null) this.#notice(member, message.notice, message.data);
        return;
      }
      if (message.method === 'join') {
        const ask = requests.join.ask.parse(message.data);
        const { name, role } = claimsIn(ask.token);
        member = new Member(socket, name, role);
      }
      if (member === null) throw new Error('the first message was not a join');
      this.#request(member, message.id, message.method, message.data);
    });
    socket.on('close', () => {
      if (member !== null) this.#left(member);
    });
  }

  #request(member: Member, id: number, method: string, data: unknown): void {
    if (!isMethod(method)) throw new Error(`there is no ${method}`);
    const ask = requests[method].ask.parse(data);
    const answer = this.#options.intercept?.(member, method, ask) ?? this.#answer(member, method, ask);
    if (typeof answer === 'string') member.socket.send(answer);
    else member.socket.send(JSON.stringify({ id, ok: true, data: answer }));
    member.note(method, ask);
    if (method === 'leave' && typeof answer !== 'string') {
      member.notice('ended', { reason: 'left' });
      member.socket.close();
    }
    if (method === 'join' && this.#options.automatic === true) this.deliver(this.rekey({ joins: [member] }));
  }

  #answer(member: Member, method: Method, ask: unknown): unknown {
    return method === 'join' ? this.#join(member, ask as Ask<'join'>) : {};
  }

  #join(member: Member, ask: Ask<'join'>): Answer<'join'> {
    member.participantId = `p-${this.members.length + 1}`;
    const { participantId, role } = member;
    const admitted = this.#vault.admit({
      meeting: meetingId,
      participant: participantId,
      role,
      tokenId: `t-${participantId}`,
      publicKey: fromBase64Url(ask.publicKey) ?? new Uint8Array(),
    });
    member.lease = admitted.lease;
    const others = this.members.map(({ participantId, name, role }) => ({ participantId, name, role }));
    for (const other of this.members)
      other.notice('participantJoined', { participantId, name: member.name, role });
    this.members.push(member);
    const answer: Answer<'join'> = {
      protocol: 1,
      keying: 'server',
      meeting: { id: meetingId, kind: 'interactive' },
      participantId,
      name: member.name,
      role,
      admission: toBase64Url(admitted.admission),
      routerRtpCapabilities: {},
      participants: others,
      producers: [],
      timers: this.#options.timers ?? {
        receiverGraceMs: defaultTimers.receiverGraceMs,
        epochLifeMs: defaultTimers.epochLifeMs,
      },
    };
    return this.#options.tamper?.(answer) ?? answer;
  }

  #notice(member: Member, notice: string, data: unknown): void {
    if (!isClientNotice(notice)) throw new Error(`there is no notice ${notice}`);
    if (notice === 'confirmed') member.confirmed.push(clientNotices.confirmed.parse(data).epoch);
    else member.acknowledged.push(clientNotices.acknowledged.parse(data));
    member.note(notice, data);
    const current = this.#current;
    if (this.#options.automatic !== true || notice !== 'acknowledged' || current === null) return;
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
      other.notice('participantLeft', { participantId: member.participantId, cause: 'left' });
    }
    if (this.#options.automatic === true && this.members.length > 0 && this.#keyed.has(member)) {
      this.deliver(this.rekey({ departures: [member] }));
    }
  }
}

const claimsIn = (token: string): { name: string; role: Role } => {
  const bytes = fromBase64Url(token.split('.')[1] ?? '') ?? new Uint8Array();
  return JSON.parse(new TextDecoder().decode(bytes)) as { name: string; role: Role };
};
