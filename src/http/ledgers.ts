// `/v1/meetings/:id/ledger`: what was done with a meeting's keys, as lines that anybody can verify (`latchkey ledger verify`), while it runs
// and after it has ended. A meeting that everybody left and that somebody joined again has a ledger for each time.

import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Express, Request, Response } from 'express';
import { LatchkeyError } from '../protocol/errors.ts';
import type { Access } from './access.ts';

/**
 * JSON Lines. Neither this nor application/x-ndjson is registered; new names begin with x- no more (RFC 6648), and the registered
 * application/json-seq (RFC 7464) has a byte of its own before each text, which would break the hashes.
 */
export const ledgerType = 'application/jsonl';

export interface LedgerSummary {
  readonly meeting: string;
  /** base64url */
  readonly incarnation: string;
  readonly startedAt: Date;
  readonly running: boolean;
}

/** What HTTP needs of the ledgers. */
export interface Ledgers {
  /** The newest first. */
  list(meeting: string): Promise<readonly LedgerSummary[]>;
  /** Of the incarnation, or the newest; null where there is none. */
  read(
    meeting: string,
    incarnation?: string,
  ): Promise<(LedgerSummary & { readonly bytes: number; readonly stream: Readable }) | null>;
}

export interface LedgersApi {
  readonly ledgers: Ledgers;
  readonly access: Access;
}

const noLedger = (): LatchkeyError =>
  new LatchkeyError('meeting_not_found', 'there is no ledger of such a meeting');

const textOf = (request: Request, name: string): string => {
  const text: unknown = request.params[name];
  if (typeof text !== 'string' || !/^[\w-]{1,64}$/.test(text)) throw noLedger();
  return text;
};

const send =
  (ledgers: Ledgers) =>
  async (request: Request, response: Response): Promise<void> => {
    const meeting = textOf(request, 'id');
    const asked = 'incarnation' in request.params ? textOf(request, 'incarnation') : undefined;
    const ledger = await ledgers.read(meeting, asked);
    if (ledger === null) throw noLedger();
    const { bytes, incarnation, startedAt, stream } = ledger;
    response.setHeader('Content-Type', ledgerType);
    response.setHeader('Content-Length', bytes);
    response.setHeader(
      'Content-Disposition',
      `attachment; filename="${meeting}.${startedAt.getTime()}.${incarnation}.jsonl"`,
    );
    if (request.method === 'HEAD') {
      stream.destroy();
      response.end();
      return;
    }
    try {
      await pipeline(stream, response);
    } catch (thrown) {
      // Whoever asked went away: nobody is there to be told.
      if (Reflect.get(Object(thrown), 'code') !== 'ERR_STREAM_PREMATURE_CLOSE') throw thrown;
    }
  };

export const mountLedgers = (app: Express, { ledgers, access }: LedgersApi): void => {
  app.get('/v1/meetings/:id/ledger', access.secret, send(ledgers));
  app.get('/v1/meetings/:id/ledgers/:incarnation', access.secret, send(ledgers));

  app.get('/v1/meetings/:id/ledgers', access.secret, async (request, response) => {
    const found = await ledgers.list(textOf(request, 'id'));
    if (found.length === 0) throw noLedger();
    response.json({
      ledgers: found.map(({ incarnation, startedAt, running }) => ({
        incarnation,
        startedAt: startedAt.toISOString(),
        running,
      })),
    });
  });
};
