// `/v1/meetings/:id/participants` and `/v1/meetings/:id/rekey`: who is in a meeting, and what an operator does about its keys. Both
// actions are answered when they are done, with a receipt: the key that somebody removed cannot have is in use by then.

import type { Express, Request, Response } from 'express';
import { z } from 'zod';
import { LatchkeyError } from '../protocol/errors.ts';
import { toHex } from '../protocol/bytes.ts';
import type { Role, Trigger } from '../protocol/names.ts';
import type { Access } from './access.ts';
import { idOf, jsonBody } from './meetings.ts';
import { parseFields } from './problems.ts';

export interface ParticipantSummary {
  readonly participantId: string;
  readonly name: string;
  readonly role: Role;
  /** Its connection was lost and may come back. */
  readonly away: boolean;
}

export interface Eviction {
  /** The first epoch that the removed participant cannot derive; null where none was needed. */
  readonly epoch: number | null;
  readonly exposureMs: number;
  readonly acknowledged: number;
  readonly missed: number;
  readonly paused: number;
}

export interface Rekeyed {
  readonly epoch: number;
  readonly trigger: Trigger;
  readonly fingerprint: Uint8Array;
  readonly tookMs: number;
  readonly acknowledged: number;
  readonly missed: number;
}

/** What HTTP needs of who is in a meeting. Each throws LatchkeyError `meeting_not_found`, `meeting_ended`. */
export interface Participants {
  participants(meeting: string): readonly ParticipantSummary[];
  /** @throws LatchkeyError `not_found` */
  evict(meeting: string, participant: string): Promise<Eviction>;
  /** Null where the meeting ended before the epoch was in use. @throws LatchkeyError `meeting_idle` */
  rekey(meeting: string, reason: 'operator' | 'compromise'): Promise<Rekeyed | null>;
}

export interface ParticipantsApi {
  readonly meetings: Participants;
  readonly access: Access;
  readonly bodyBytes: number;
}

const rekeyRequest = z.strictObject({
  /** `compromise`: everybody is admitted anew at once, so that nothing stolen before opens what follows. */
  reason: z.enum(['operator', 'compromise']).default('operator'),
});

/** Parts of a millisecond say nothing that a receipt is for. */
const wholeMs = (ms: number): number => Math.ceil(ms);

const participantOf = (request: Request): string => {
  const id: unknown = request.params['participant'];
  if (typeof id !== 'string' || !/^[\w-]{1,64}$/.test(id)) {
    throw new LatchkeyError('not_found', 'there is no such participant');
  }
  return id;
};

export const mountParticipants = (app: Express, { meetings, access, bodyBytes }: ParticipantsApi): void => {
  app.get('/v1/meetings/:id/participants', access.secret, (request, response) => {
    response.json({ participants: meetings.participants(idOf(request)) });
  });

  app.delete(
    '/v1/meetings/:id/participants/:participant',
    access.secret,
    async (request: Request, response: Response) => {
      const { exposureMs, ...receipt } = await meetings.evict(idOf(request), participantOf(request));
      response.json({ ...receipt, exposureMs: wholeMs(exposureMs) });
    },
  );

  app.post(
    '/v1/meetings/:id/rekey',
    access.secret,
    jsonBody(bodyBytes),
    async (request: Request, response: Response) => {
      const { reason } = parseFields(rekeyRequest, request.body ?? {});
      const receipt = await meetings.rekey(idOf(request), reason);
      if (receipt === null) throw new LatchkeyError('meeting_ended');
      const { fingerprint, tookMs, ...rest } = receipt;
      response.json({ ...rest, fingerprint: toHex(fingerprint), tookMs: wholeMs(tookMs) });
    },
  );
};
