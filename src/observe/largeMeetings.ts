// Which meetings have series of their own. Each is a value of the label `meeting`, and every value that was ever used costs whoever
// stores it: only large meetings have them, only so many at a time, and those that have them keep them for as long as they are large.

import type { LargeMeetingGauges } from './metrics/largeMeetings.ts';

export interface LargeMeeting {
  readonly id: string;
  readonly participants: number;
  readonly audience: number;
  /** Null: none is in use yet. */
  readonly epoch: { readonly number: number; readonly ageMs: number } | null;
  readonly lagging: number;
  readonly paused: number;
}

export interface LargeMeetingSettings {
  /** Participants from which on a meeting is large. */
  readonly largeMeeting: number;
  /** Meetings with series at a time. */
  readonly largeMeetings: number;
}

export class LargeMeetings {
  readonly #gauges: LargeMeetingGauges;
  readonly #settings: LargeMeetingSettings;
  #shown: ReadonlySet<string> = new Set();

  constructor(gauges: LargeMeetingGauges, settings: LargeMeetingSettings) {
    this.#gauges = gauges;
    this.#settings = settings;
  }

  /** Ids of those that have series. */
  get shown(): ReadonlySet<string> {
    return this.#shown;
  }

  /** `meetings`: all that there are, in any order. */
  set(meetings: Iterable<LargeMeeting>): void {
    const chosen = this.#choose(meetings);
    const shown = new Set(chosen.map(({ id }) => id));
    for (const id of this.#shown) if (!shown.has(id)) this.#remove(id);
    this.#shown = shown;
    for (const meeting of chosen) this.#show(meeting);
  }

  /** Those that have series come first, then the largest. */
  #choose(meetings: Iterable<LargeMeeting>): LargeMeeting[] {
    const { largeMeeting, largeMeetings } = this.#settings;
    return [...meetings]
      .filter(({ participants }) => participants >= largeMeeting)
      .toSorted(
        (a, b) =>
          Number(this.#shown.has(b.id)) - Number(this.#shown.has(a.id)) || b.participants - a.participants,
      )
      .slice(0, largeMeetings);
  }

  #show({ id: meeting, participants, audience, epoch, lagging, paused }: LargeMeeting): void {
    const gauges = this.#gauges;
    gauges.participants.set({ meeting }, participants);
    gauges.audience.set({ meeting }, audience);
    gauges.lagging.set({ meeting }, lagging);
    gauges.paused.set({ meeting }, paused);
    if (epoch === null) {
      gauges.epoch.remove({ meeting });
      gauges.epochAge.remove({ meeting });
      return;
    }
    gauges.epoch.set({ meeting }, epoch.number);
    gauges.epochAge.set({ meeting }, epoch.ageMs / 1_000);
  }

  #remove(meeting: string): void {
    for (const gauge of Object.values(this.#gauges)) gauge.remove({ meeting });
  }
}
