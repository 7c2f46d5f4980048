// Sentences for the steps of joining and for the end of a stay.

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

export const overWords: Readonly<Record<EndReason, Advice>> = {
  left: { title: 'You left the meeting', hint: 'The keys you held were overwritten. You can join again.' },
  meetingEnded: { title: 'The meeting has ended', hint: 'Its keys are gone.' },
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
