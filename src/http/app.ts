// The express application: headers, operations, the API, the page, and problem details for everything else.

import express from 'express';
import type { Express } from 'express';
import type { Logger } from 'pino';
import { createAccess } from './access.ts';
import type { AccessSettings } from './access.ts';
import { mountLedgers } from './ledgers.ts';
import type { LedgersApi } from './ledgers.ts';
import { mountMeetings } from './meetings.ts';
import type { MeetingsApi } from './meetings.ts';
import { mountParticipants } from './participants.ts';
import type { ParticipantsApi } from './participants.ts';
import { mountOperations } from './operations.ts';
import type { Operations } from './operations.ts';
import { mountPages, securityHeaders } from './pages.ts';
import { answerProblems, noSuchRoute } from './problems.ts';
import { recordRequests } from './requestRecord.ts';

export interface AppOptions extends Operations, Omit<MeetingsApi & ParticipantsApi & LedgersApi, 'access'> {
  readonly access: AccessSettings;
  readonly log: Logger;
  readonly trustedProxies: readonly string[];
  readonly tls: boolean;
  /** Holds `web/` and `sdk/`, as built. */
  readonly pages: string;
}

export const createApp = (options: AppOptions): Express => {
  const app = express();
  app.disable('x-powered-by');
  app.enable('case sensitive routing');
  app.enable('strict routing');
  // Nothing of ours stands in a query.
  app.set('query parser', false);
  app.set('trust proxy', options.trustedProxies.length === 0 ? false : [...options.trustedProxies]);

  app.use(recordRequests(options.log, options.metrics), securityHeaders(options.tls));
  mountOperations(app, options);
  const access = createAccess(options.access);
  mountMeetings(app, { ...options, access });
  mountParticipants(app, { ...options, access });
  mountLedgers(app, { ...options, access });
  mountPages(app, options.pages);
  app.use(noSuchRoute, answerProblems(options.log));
  return app;
};
