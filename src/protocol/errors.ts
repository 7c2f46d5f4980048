// Every error that crosses a boundary of Latchkey has one of these codes. The class says who erred, and so who can mend it;
// the status is what HTTP answers. Misuse by a programmer is TypeError or RangeError and has no code.

export type ErrorClass = 'peer' | 'caller' | 'dependency' | 'internal';

/** code → who erred, HTTP status, and the sentence shown where the thrower gives none. */
export const errorCodes = {
  // Tokens and access
  token_missing: { by: 'caller', status: 401, text: 'no token was given' },
  token_invalid: { by: 'caller', status: 401, text: 'the token is not one that this server issued' },
  token_expired: { by: 'caller', status: 401, text: 'the token has expired' },
  token_replayed: { by: 'caller', status: 409, text: 'the token was already used to join' },
  token_foreign: { by: 'caller', status: 403, text: 'the token is for another meeting' },
  token_unbound: {
    by: 'caller',
    status: 401,
    text: 'the token is bound to a key that did not sign this join',
  },
  unauthorized: { by: 'caller', status: 401, text: 'the API secret is missing or wrong' },
  forbidden: { by: 'caller', status: 403, text: 'this role may not do that' },

  // Requests
  malformed: { by: 'peer', status: 400, text: 'the message does not follow the protocol' },
  too_large: { by: 'peer', status: 413, text: 'the message is larger than allowed' },
  unknown_method: { by: 'peer', status: 400, text: 'there is no such request' },
  unsupported_protocol: { by: 'peer', status: 400, text: 'this protocol version is not spoken here' },
  not_joined: { by: 'peer', status: 409, text: 'join first' },
  already_joined: { by: 'peer', status: 409, text: 'this connection has already joined' },
  too_many_errors: { by: 'peer', status: 429, text: 'too many messages that do not follow the protocol' },
  too_slow: { by: 'peer', status: 408, text: 'the connection does not keep up' },
  rate_limited: { by: 'peer', status: 429, text: 'too many requests' },
  not_found: { by: 'caller', status: 404, text: 'there is no such thing' },

  // Meetings
  meeting_not_found: { by: 'caller', status: 404, text: 'there is no such meeting' },
  meeting_ended: { by: 'caller', status: 410, text: 'the meeting has ended' },
  meeting_idle: { by: 'caller', status: 409, text: 'nobody is in the meeting' },
  meeting_locked: { by: 'caller', status: 403, text: 'the meeting is locked' },
  turned_away: { by: 'caller', status: 403, text: 'a host did not let this participant in' },
  meeting_full: { by: 'caller', status: 409, text: 'the meeting is full' },
  too_many_meetings: { by: 'caller', status: 503, text: 'this server has as many meetings as it may' },
  resume_refused: {
    by: 'peer',
    status: 403,
    text: 'this connection could not be resumed: join again',
  },
  lease_taken: { by: 'peer', status: 409, text: 'another connection uses this lease' },
  busy: { by: 'dependency', status: 503, text: 'the server has as much to do as it can: come back later' },
  draining: { by: 'dependency', status: 503, text: 'the server is stopping' },

  // Media
  weak_fingerprint: { by: 'peer', status: 400, text: 'a DTLS fingerprint must be sha-256 or stronger' },
  media_unsupported: {
    by: 'peer',
    status: 400,
    text: 'this browser lacks a codec or feature that the meeting needs',
  },
  codec_refused: { by: 'peer', status: 400, text: 'only Opus and VP8 can be sealed' },
  transport_not_found: { by: 'peer', status: 404, text: 'there is no such transport' },
  producer_not_found: { by: 'peer', status: 404, text: 'there is no such producer' },
  consumer_not_found: { by: 'peer', status: 404, text: 'there is no such consumer' },
  too_many_streams: { by: 'peer', status: 409, text: 'this participant sends as many streams as it may' },
  stage_full: { by: 'caller', status: 409, text: 'as many people send as may in this meeting' },
  worker_died: { by: 'dependency', status: 503, text: 'a media worker died' },

  // Keys
  public_key_invalid: { by: 'peer', status: 400, text: 'the public key is not a usable X25519 key' },
  key_message_malformed: { by: 'peer', status: 400, text: 'the key message does not follow its format' },
  key_message_forged: { by: 'peer', status: 400, text: 'the key message is not signed by the server' },
  key_message_unopened: {
    by: 'peer',
    status: 400,
    text: 'the key message could not be opened with the keys held',
  },
  key_message_gap: { by: 'peer', status: 409, text: 'a key message before this one is missing' },
  story_forked: {
    by: 'peer',
    status: 409,
    text: 'the server tells another story of this meeting than before',
  },
  sender_refused: { by: 'peer', status: 403, text: 'what this participant sent is not sealed as it must be' },
  custodian_lost: { by: 'dependency', status: 503, text: 'the process that holds the keys ended' },
  custodian_timeout: {
    by: 'dependency',
    status: 504,
    text: 'the process that holds the keys did not answer in time',
  },
  custodian_refused: {
    by: 'internal',
    status: 500,
    text: 'the process that holds the keys refused: a law would be broken',
  },
  randomness_failed: {
    by: 'internal',
    status: 500,
    text: 'the source of random keys failed its health test: nothing is minted',
  },
  slab_full: { by: 'dependency', status: 503, text: 'no room for more keys in locked memory' },

  // Ledger
  ledger_malformed: { by: 'caller', status: 400, text: 'this is not a ledger' },
  ledger_broken: { by: 'caller', status: 409, text: 'the ledger was changed' },

  // SFrame
  sframe_malformed: { by: 'peer', status: 400, text: 'not an SFrame ciphertext' },
  sframe_no_key: { by: 'caller', status: 409, text: 'no key to seal with' },
  sframe_expired: { by: 'caller', status: 409, text: 'the key is past its time to live' },
  sframe_counter_exhausted: { by: 'caller', status: 409, text: 'no counter is left under this key' },
  sframe_epoch_order: { by: 'caller', status: 409, text: 'epochs only rise' },

  // The client's own
  connection_lost: { by: 'dependency', status: 503, text: 'the connection to the server was lost' },
  closed: { by: 'caller', status: 410, text: 'already closed' },
  sending_stopped: { by: 'dependency', status: 503, text: 'sending stopped: no current key' },

  // The process
  config_invalid: { by: 'caller', status: 500, text: 'a setting has a value that is not allowed' },
  file_too_open: { by: 'caller', status: 500, text: 'a secret file can be read by others' },
  internal: { by: 'internal', status: 500, text: 'something went wrong on our side' },
} as const satisfies Record<string, { by: ErrorClass; status: number; text: string }>;

export type ErrorCode = keyof typeof errorCodes;

export const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(errorCodes, value);

/** The one error class. `message` never holds a secret: it may be shown to whoever erred. */
export class LatchkeyError extends Error {
  readonly code: ErrorCode;
  /** Where it says so: when the same may be asked again. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    message: string = errorCodes[code].text,
    options: { cause?: unknown; retryAfterMs?: number | undefined } = {},
  ) {
    super(message, options);
    this.name = 'LatchkeyError';
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }

  get by(): ErrorClass {
    return errorCodes[this.code].by;
  }

  get status(): number {
    return errorCodes[this.code].status;
  }
}

/** What an unknown thrown value is to a peer: its own code if it has one, else `internal`, without detail. */
export const toLatchkeyError = (thrown: unknown): LatchkeyError =>
  thrown instanceof LatchkeyError ? thrown : new LatchkeyError('internal', undefined, { cause: thrown });
