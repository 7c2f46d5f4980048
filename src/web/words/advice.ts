// What went wrong, said to a person: a sentence, and what to do next. Every code that can reach the page has its own words;
// a test goes through the codes.

import { errorCodes, isErrorCode } from '../../protocol/errors.ts';
import type { ErrorCode } from '../../protocol/errors.ts';

export interface Advice {
  readonly title: string;
  readonly hint: string;
}

const retry = 'Try again in a moment.';
const tellOperator = 'If it happens again, tell whoever runs this server.';
const rejoin = 'Join again to get a new key.';
const newInvitation = 'Ask whoever invited you for a new invitation.';

const keyTrouble = (title: string): Advice => ({ title, hint: `You were taken out to be safe. ${rejoin}` });
const ourFault = (title: string): Advice => ({ title, hint: `${retry} ${tellOperator}` });

/** code → words. Codes that no page is ever told stand in `neverShown`. */
export const codeAdvice: Partial<Record<ErrorCode, Advice>> = {
  token_missing: {
    title: 'This meeting asks for an invitation',
    hint: 'Open the invitation link that you were sent.',
  },
  token_invalid: { title: 'This invitation is not from this server', hint: newInvitation },
  token_expired: { title: 'This invitation has expired', hint: newInvitation },
  token_replayed: {
    title: 'This invitation was already used',
    hint: `Each one lets one person in, once. ${newInvitation}`,
  },
  token_foreign: { title: 'This invitation is for another meeting', hint: newInvitation },
  token_unbound: {
    title: 'This invitation belongs to somebody else’s key',
    hint: 'It only works in the program that holds that key. Ask for one that opens in a browser.',
  },
  unauthorized: {
    title: 'This server asks for its API secret',
    hint: 'Enter it below, or open an invitation link that somebody sent you.',
  },
  forbidden: { title: 'Your role does not allow that', hint: 'Ask a host to let you speak.' },

  malformed: ourFault('The server did not understand this page'),
  too_large: ourFault('The server refused a message of this page as too large'),
  unknown_method: {
    title: 'This page does not fit the server',
    hint: 'Reload it to get the version that does.',
  },
  unsupported_protocol: {
    title: 'This page does not fit the server',
    hint: 'Reload it to get the version that does.',
  },
  not_joined: { title: 'You are not in the meeting any more', hint: 'Join again.' },
  already_joined: { title: 'You are in this meeting already', hint: 'Leave first, then join again.' },
  too_many_errors: ourFault('The server ended the connection: it did not understand this page'),
  too_slow: {
    title: 'Your connection could not keep up',
    hint: 'Move closer to your Wi-Fi or close other downloads, then join again.',
  },
  rate_limited: { title: 'Too much at once', hint: 'Wait a few seconds, then try again.' },
  not_found: { title: 'The server does not know this', hint: 'Check the address, or start a new meeting.' },

  meeting_not_found: {
    title: 'There is no such meeting',
    hint: 'It may have ended. Check the address, or start a new one.',
  },
  meeting_ended: { title: 'This meeting has ended', hint: 'Start a new one whenever you like.' },
  meeting_locked: {
    title: 'The meeting is locked',
    hint: 'Nobody new comes in for now. Ask a host to unlock it, then try again.',
  },
  turned_away: {
    title: 'A host did not let you in',
    hint: 'If that was a mistake, ask whoever invited you.',
  },
  meeting_full: { title: 'This meeting is full', hint: 'Try again when somebody has left.' },
  too_many_meetings: {
    title: 'This server has as many meetings as it may',
    hint: 'Try again when one has ended.',
  },
  resume_refused: {
    title: 'The server gave up your place',
    hint: 'You were away for too long, or it was restarted. Join again to get a new key.',
  },
  lease_taken: { title: 'Another tab took your place', hint: 'Go on there, or join again here.' },
  busy: {
    title: 'The server has as much to do as it can',
    hint: 'Many people came at once. Try again in a minute.',
  },
  draining: { title: 'The server is being restarted', hint: 'Join again in a minute.' },

  weak_fingerprint: {
    title: 'This browser offers too weak a protection for its connection',
    hint: 'Use a current version of Chrome, Edge, Firefox or Safari.',
  },
  media_unsupported: {
    title: 'This browser cannot encrypt a meeting’s frames',
    hint: 'It lacks encoded transforms (RTCRtpScriptTransform). Use a current version of Chrome, Edge, Firefox or Safari.',
  },
  codec_refused: {
    title: 'This browser sends a kind of video that cannot be sealed',
    hint: 'Only Opus and VP8 can. Use a current version of Chrome, Edge, Firefox or Safari.',
  },
  transport_not_found: ourFault('The connection for sound and picture is gone'),
  producer_not_found: ourFault('The server no longer knows what you send'),
  consumer_not_found: ourFault('The server no longer knows what you receive'),
  too_many_streams: {
    title: 'You have sent as many different streams as one stay allows',
    hint: 'Leave and join again to share more.',
  },
  stage_full: {
    title: 'As many people are on the stage as may be',
    hint: 'There is room again when one of them has gone back to the audience.',
  },
  worker_died: {
    title: 'The part of the server that carries sound and picture failed',
    hint: `Join again. ${tellOperator}`,
  },

  public_key_invalid: keyTrouble('The server refused this browser’s key'),
  key_message_malformed: keyTrouble('The server sent a key message that cannot be read'),
  key_message_forged: {
    title: 'A key message was not signed by this server',
    hint: 'Somebody may stand between you and it: you were taken out. Do not go on before you know why; tell whoever runs this server.',
  },
  key_message_unopened: keyTrouble('The new key could not be opened'),
  key_message_gap: keyTrouble('A change of the key never arrived here'),
  story_forked: {
    title: 'The server told two stories of this meeting’s keys',
    hint: 'You and others may not be in the same meeting: you were taken out. Do not go on before you know why; tell the others and whoever runs this server.',
  },
  sender_refused: {
    title: 'The server refused what you sent',
    hint: `It was not sealed as it must be. ${rejoin} ${tellOperator}`,
  },
  custodian_lost: { title: 'The part of the server that holds keys was restarted', hint: rejoin },
  custodian_timeout: ourFault('The part of the server that holds keys did not answer'),
  custodian_refused: ourFault('The part of the server that holds keys refused to go on'),
  randomness_failed: {
    title: 'The server cannot make keys that are safe',
    hint: `Its source of randomness failed a test, so it makes none. ${tellOperator}`,
  },
  slab_full: {
    title: 'The server has no room for more keys',
    hint: `Try again when a meeting has ended. ${tellOperator}`,
  },

  sframe_malformed: ourFault('A frame could not be read'),
  sframe_no_key: { title: 'There is no key to send with', hint: `Nothing was sent in clear. ${rejoin}` },
  sframe_expired: { title: 'Your key is too old to send with', hint: `Nothing was sent in clear. ${rejoin}` },
  sframe_counter_exhausted: { title: 'Your key is used up', hint: `Nothing was sent in clear. ${rejoin}` },
  sframe_epoch_order: keyTrouble('The server sent an old key again'),

  connection_lost: {
    title: 'The connection to the server was lost',
    hint: 'Check your network, then join again.',
  },
  closed: { title: 'You have left this meeting', hint: 'Join again to go on.' },
  sending_stopped: {
    title: 'Sending stopped: there is no current key',
    hint: 'Nothing was sent in clear. It goes on when the server sends a new key; if it does not, join again.',
  },
  internal: ourFault('Something went wrong on the server'),
};

/** Only the server's own operator ever meets these, at its start or over a ledger's file. */
export const neverShown: readonly ErrorCode[] = [
  'config_invalid',
  'file_too_open',
  'meeting_idle',
  'ledger_malformed',
  'ledger_broken',
];

/** Words for a code, also for one that a newer server sends. */
export const adviceForCode = (code: string): Advice =>
  (isErrorCode(code) ? codeAdvice[code] : undefined) ?? {
    title: isErrorCode(code) ? errorCodes[code].text : 'Something went wrong',
    hint: `${retry} ${tellOperator} (${code})`,
  };

/** A DOMException's own `code` is a number: not one of ours. */
const field = (thrown: unknown, name: 'code' | 'name'): string => {
  const value: unknown =
    typeof thrown === 'object' && thrown !== null ? Reflect.get(thrown, name) : undefined;
  return typeof value === 'string' ? value : '';
};

/** Words for whatever was thrown; what has no code is our own fault and is said so. */
export const adviceFor = (thrown: unknown): Advice => {
  const code = field(thrown, 'code');
  if (code !== '') return adviceForCode(code);
  if (field(thrown, 'name') === 'NetworkError') {
    return {
      title: 'The server cannot be reached',
      hint: 'Check your network and that the server runs, then try again.',
    };
  }
  return { title: 'Something went wrong on this page', hint: 'Reload it and try again.' };
};
