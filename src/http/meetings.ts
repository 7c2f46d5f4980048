// `/v1/meetings`: what an application asks of Latchkey. Bodies are of exactly one shape; an unknown field is an error, since
// it is a mistyped one more often than a harmless one.

import { json } from 'express';
import type { Express, Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import { confirmationSchema, displayName } from '../auth/tokens.ts';
import type { TokenService } from '../auth/tokens.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import { joinPolicies, meetingKinds, roles } from '../protocol/names.ts';
import type { JoinPolicy, MeetingKind } from '../protocol/names.ts';
import type { Access } from './access.ts';
import { parseFields } from './problems.ts';

export interface MeetingSummary {
  readonly id: string;
  readonly kind: MeetingKind;
  readonly name?: string | undefined;
  readonly createdAt: Date;
  /** Present now. */
  readonly participants: number;
  readonly settings: Required<MeetingSettings>;
}

/** What a meeting has of its own, where it is not as the server's settings have it. Times in milliseconds. */
export interface MeetingSettings {
  readonly joinPolicy?: JoinPolicy | undefined;
  readonly freshForMs?: number | undefined;
  readonly intervalMs?: number | undefined;
  readonly renewalIntervalMs?: number | undefined;
  /** At most so many are present, or send, at a time. */
  readonly participants?: number | undefined;
  readonly stage?: number | undefined;
  /** Whoever is no host waits until one lets it in. */
  readonly lobby?: boolean | undefined;
  /** Viewers wait until a host goes live. */
  readonly backstage?: boolean | undefined;
}

/** What HTTP needs of the meetings. Ids are random and never given twice: tokens rest on that. */
export interface Meetings {
  /** @throws LatchkeyError `too_many_meetings`, `draining`, `malformed` for settings that do not go together */
  create(meeting: {
    readonly kind: MeetingKind;
    readonly name?: string | undefined;
    readonly settings?: MeetingSettings | undefined;
  }): MeetingSummary;
  /** @throws LatchkeyError `meeting_not_found`, `meeting_ended` */
  get(id: string): MeetingSummary;
  list(): readonly MeetingSummary[];
  /** @throws LatchkeyError `meeting_not_found`, `meeting_ended` */
  end(id: string): void;
}

export interface MeetingsApi {
  readonly meetings: Meetings;
  readonly tokens: TokenService;
  readonly access: Access;
  readonly bodyBytes: number;
}

const ms = (low: number, high: number) => z.int().min(low).max(high).optional();
const dayMs = 86_400_000;

const meetingRequest = z.strictObject({
  kind: z.enum(meetingKinds).default('interactive'),
  name: displayName.optional(),
  settings: z
    .strictObject({
      joinPolicy: z.enum(joinPolicies).optional(),
      freshForMs: ms(1, dayMs),
      intervalMs: ms(1_000, dayMs),
      renewalIntervalMs: ms(1_000, dayMs),
      participants: z.int().min(1).optional(),
      stage: z.int().min(1).optional(),
      lobby: z.boolean().optional(),
      backstage: z.boolean().optional(),
    })
    .optional(),
});

const tokenRequest = z.strictObject({
  name: displayName,
  role: z.enum(roles),
  /** Seconds; how many are allowed is a setting. */
  ttl: z.int().min(1).optional(),
  cnf: confirmationSchema.optional(),
});

const describe = ({ id, kind, name, createdAt, participants, settings }: MeetingSummary) => ({
  id,
  kind,
  ...(name === undefined ? {} : { name }),
  createdAt: createdAt.toISOString(),
  participants,
  settings,
});

export const idOf = (request: Request): string => {
  const id: unknown = request.params['id'];
  if (typeof id !== 'string' || !/^[\w-]{1,64}$/.test(id)) throw new LatchkeyError('meeting_not_found');
  return id;
};

const hasBody = ({ headers }: Request): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** JSON or nothing. A body that says it is something else, as a form of a stranger's page would, is refused. */
export const jsonBody = (bodyBytes: number): RequestHandler[] => [
  (request, _response, next) => {
    if (hasBody(request) && request.is('application/json') === false) {
      throw new LatchkeyError('malformed', 'the body must be application/json');
    }
    next();
  },
  // Compressed bodies have no use at this size, and expand.
  json({ limit: bodyBytes, strict: true, inflate: false, type: 'application/json' }),
];

/** What is secret to one caller is not to be kept by anything on the way. */
const notStored: RequestHandler = (_request, response, next) => {
  response.setHeader('Cache-Control', 'no-store');
  next();
};

/** What it rejects with, express 5 hands to the handler of errors. */
const issueToken =
  ({ meetings, tokens }: Pick<MeetingsApi, 'meetings' | 'tokens'>) =>
  async (request: Request, response: Response): Promise<void> => {
    const { id } = meetings.get(idOf(request));
    const { name, role, ttl, cnf } = parseFields(tokenRequest, request.body ?? {});
    const { token, expiresAt } = await tokens.issue({
      meeting: id,
      name,
      role,
      ttlSeconds: ttl,
      confirmation: cnf,
    });
    response.status(201).json({ token, expiresAt: expiresAt.toISOString() });
  };

export const mountMeetings = (app: Express, { meetings, tokens, access, bodyBytes }: MeetingsApi): void => {
  const body = jsonBody(bodyBytes);
  app.use('/v1', notStored);

  app.post('/v1/meetings', access.secretOrOwnPage, body, (request: Request, response: Response) => {
    const meeting = meetings.create(parseFields(meetingRequest, request.body ?? {}));
    response.status(201).location(`/v1/meetings/${meeting.id}`).json(describe(meeting));
  });

  app.get('/v1/meetings', access.secret, (_request, response) => {
    response.json({ meetings: meetings.list().map(describe) });
  });

  app.get('/v1/meetings/:id', access.secretOrOwnPage, (request, response) => {
    response.json(describe(meetings.get(idOf(request))));
  });

  app.delete('/v1/meetings/:id', access.secret, (request, response) => {
    meetings.end(idOf(request));
    response.status(204).end();
  });

  app.post('/v1/meetings/:id/tokens', access.secretOrOwnPage, body, issueToken({ meetings, tokens }));
};
