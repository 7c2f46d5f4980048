// Sentences for the steps of joining, for a lost connection and for the end of a stay.

import type { EndReason, JoinStep } from '../../client/browser/api.ts';
import type { Advice } from './advice.ts';

export const stepWords: Readonly<Record<JoinStep, string>> = {
  support: 'Checking this browser',
  server: 'Asking the server',
  admission: 'Verifying the server’s signature',
  key: 'Receiving the meeting’s key',
  media: 'Connecting sound and picture',
  joined: 'Joined',
};

/** While it is tried to come back. */
export const reconnectingWords: Advice = {
  title: 'Reconnecting…',
  hint: 'The connection to the server was lost. Sound and picture go on for now, still sealed; you come back by yourself.',
};
export const reconnectedWords = 'Connected again';

export const overWords: Readonly<Record<EndReason, Advice>> = {
  left: { title: 'You left the meeting', hint: 'The keys you held were overwritten. You can join again.' },
  meetingEnded: { title: 'The meeting has ended', hint: 'Its keys are gone.' },
  superseded: {
    title: 'This meeting goes on in another place',
    hint: 'Another connection took yours. Go on there, or join again here.',
  },
  evicted: { title: 'A host took you out of the meeting', hint: 'The key was changed behind you.' },
  serverStopping: { title: 'The server is being restarted', hint: 'Join again in a minute.' },
  protocolError: {
    title: 'The server did not understand this page',
    hint: 'Reload the page, then join again. If it happens again, tell whoever runs this server.',
  },
  tooSlow: {
    title: 'Your connection could not keep up',
    hint: 'Move closer to your Wi-Fi or close other downloads, then join again.',
  },
  failed: {
    title: 'The meeting could not go on',
    hint: 'Nothing was sent in clear. Join again to get a new key.',
  },
  connectionLost: {
    title: 'The connection to the server was lost',
    hint: 'Check your network, then join again.',
  },
};
