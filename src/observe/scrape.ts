// What there is at the moment of a scrape, as plain data, on its way into metrics. Whoever is asked fills in `ServerState`; nothing
// here knows where it comes from.

import { meetingKinds, roles, waitingReasons } from '../protocol/names.ts';
import type { MeetingKind, Role, WaitingReason } from '../protocol/names.ts';
import { LargeMeetings } from './largeMeetings.ts';
import type { LargeMeetingSettings } from './largeMeetings.ts';
import type { Metrics } from './metrics.ts';
import type { ProcessUsage } from './processUsage.ts';
import { Risen } from './risen.ts';
import { sizeClasses, sizeClassOf } from './sizeClass.ts';
import type { SizeClass } from './sizeClass.ts';

/** A meeting with somebody in it, or before its door. */
export interface MeetingState {
  readonly id: string;
  readonly kind: MeetingKind;
  readonly participants: Readonly<Record<Role, number>>;
  readonly waiting: Readonly<Record<WaitingReason, number>>;
  /** The one in use; null: none is yet. */
  readonly epoch: { readonly number: number; readonly ageMs: number } | null;
  readonly epochsHeld: number;
  readonly lagging: number;
  readonly paused: number;
}

export interface WorkerLoad {
  readonly index: number;
  /** Null: it cannot be read just now. */
  readonly usage: (ProcessUsage & { readonly load: number }) | null;
  readonly routers: number;
  readonly transports: number;
  readonly producers: number;
  readonly consumers: number;
  /** Streams that it carries to other workers. */
  readonly pipes: number;
}

export interface CustodianState {
  /** Null: it does not answer. */
  readonly slots: { readonly used: number; readonly total: number } | null;
  readonly usage: ProcessUsage | null;
}

/** What there may be too much of for new joins. */
export const busyReasons = ['eventLoop', 'workers', 'joins'] as const;
export type BusyReason = (typeof busyReasons)[number];

export interface ServerState {
  readonly meetings: readonly MeetingState[];
  /** Those that run. */
  readonly workers: readonly WorkerLoad[];
  readonly custodian: CustodianState;
  /** WebSockets open, joined or not. */
  readonly sockets: number;
  readonly busy: readonly BusyReason[];
}

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);

const classKey = (kind: MeetingKind, size: SizeClass): string => `${kind} ${size}`;

const sizeOf = ({ participants }: MeetingState): number => sum(Object.values(participants));

export class Scrape {
  readonly #metrics: Metrics;
  readonly #large: LargeMeetings;
  readonly #risen = new Risen();

  constructor(metrics: Metrics, settings: LargeMeetingSettings) {
    this.#metrics = metrics;
    this.#large = new LargeMeetings(metrics.large, settings);
  }

  set(state: ServerState): void {
    const metrics = this.#metrics;
    this.#setMeetings(state.meetings);
    this.#setWorkers(state.workers);
    this.#setCustodian(state.custodian);
    metrics.sockets.set(state.sockets);
    for (const reason of busyReasons) metrics.busy.set({ reason }, state.busy.includes(reason) ? 1 : 0);
  }

  #setMeetings(meetings: readonly MeetingState[]): void {
    const metrics = this.#metrics;
    this.#setSizes(meetings);
    for (const role of roles) {
      metrics.participants.set({ role }, sum(meetings.map(({ participants }) => participants[role])));
    }
    for (const reason of waitingReasons) {
      metrics.guestsWaiting.set({ reason }, sum(meetings.map(({ waiting }) => waiting[reason])));
    }
    metrics.epochsHeld.set(sum(meetings.map(({ epochsHeld }) => epochsHeld)));
    metrics.lagging.set(sum(meetings.map(({ lagging }) => lagging)));
    metrics.paused.set(sum(meetings.map(({ paused }) => paused)));
    this.#large.set(
      meetings.map((meeting) => ({
        ...meeting,
        participants: sizeOf(meeting),
        audience: meeting.participants.viewer,
      })),
    );
  }

  #setSizes(meetings: readonly MeetingState[]): void {
    const counted = new Map<string, number>();
    for (const meeting of meetings) {
      const size = sizeClassOf(sizeOf(meeting));
      if (size === null) continue;
      counted.set(classKey(meeting.kind, size), (counted.get(classKey(meeting.kind, size)) ?? 0) + 1);
    }
    for (const kind of meetingKinds) {
      for (const size of sizeClasses) {
        this.#metrics.meetings.set({ kind, size }, counted.get(classKey(kind, size)) ?? 0);
      }
    }
  }

  #setWorkers(workers: readonly WorkerLoad[]): void {
    const metrics = this.#metrics;
    const gauges = {
      routers: metrics.workerRouters,
      transports: metrics.workerTransports,
      producers: metrics.workerProducers,
      consumers: metrics.workerConsumers,
      pipes: metrics.workerPipes,
    } as const;
    metrics.workers.set(workers.length);
    // One that died shows nothing until it was replaced.
    for (const gauge of [...Object.values(gauges), metrics.workerLoad, metrics.workerMemory]) gauge.reset();
    for (const load of workers) {
      const worker = String(load.index);
      for (const [name, gauge] of Object.entries(gauges)) {
        gauge.set({ worker }, load[name as keyof typeof gauges]);
      }
      if (load.usage === null) continue;
      metrics.workerLoad.set({ worker }, load.usage.load);
      metrics.workerMemory.set({ worker }, load.usage.residentBytes);
      metrics.workerCpu.inc({ worker }, this.#risen.by(`worker ${worker}`, load.usage.cpuSeconds));
    }
  }

  #setCustodian({ slots, usage }: CustodianState): void {
    const metrics = this.#metrics;
    metrics.custodianUp.set(slots === null ? 0 : 1);
    if (slots !== null) {
      metrics.custodianSlots.set({ state: 'used' }, slots.used);
      metrics.custodianSlots.set({ state: 'free' }, slots.total - slots.used);
    }
    metrics.custodianMemory.set(usage?.residentBytes ?? 0);
    if (usage !== null) metrics.custodianCpu.inc(this.#risen.by('custodian', usage.cpuSeconds));
  }
}
