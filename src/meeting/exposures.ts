// The departed, until they can open nothing more: whose exposure is over is said once, to the ledger, the log, metrics, and whoever follows.

import type { Logger } from 'pino';
import type { Exposure } from '../keys/rekeyEvents.ts';
import type { Lease } from '../protocol/names.ts';
import type { Told } from './happenings.ts';
import type { MeetingEvents } from './meetingContext.ts';
import type { MeetingLedger } from './meetingLedger.ts';

interface Surroundings {
  readonly ledger: MeetingLedger;
  readonly events: Pick<MeetingEvents, 'exposure'>;
  readonly log: Logger;
  readonly tell: (told: Told) => void;
}

export class Exposures {
  readonly #at: Surroundings;
  /** Participants by the lease that they had. */
  readonly #departed = new Map<Lease, string>();

  constructor(at: Surroundings) {
    this.#at = at;
  }

  begin(lease: Lease, participant: string): void {
    this.#departed.set(lease, participant);
  }

  over(departures: readonly Exposure[]): void {
    const { ledger, events, log, tell } = this.#at;
    for (const { lease, cause, epoch, exposureMs } of departures) {
      const participant = this.#departed.get(lease);
      this.#departed.delete(lease);
      if (participant === undefined) continue;
      events.exposure(exposureMs);
      ledger.append({ type: 'exposed', participant, lease, cause, epoch, exposureMs });
      const said = { event: 'departure.closed', participant, lease, cause, exposureMs };
      log.info(said, 'the departed can open nothing any more');
      tell({ type: 'exposed', participant, cause, epoch, exposureMs });
    }
  }
}
