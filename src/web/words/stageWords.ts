// Sentences about the stage, the door and what hosts do.

import type { Door, MeetingKind, Role } from '../../client/browser/api.ts';
import type { Group, HostAction } from '../state/roster.ts';
import type { Guests, Waiting } from '../state/state.ts';
import type { Advice } from './advice.ts';

/** While joining waits. */
export const waitingWords: Readonly<Record<Waiting, Advice>> = {
  lobby: {
    title: 'Waiting for a host to let you in',
    hint: 'You come in by yourself as soon as one does.',
  },
  backstage: {
    title: 'The meeting has not started yet',
    hint: 'You come in by yourself as soon as it has.',
  },
  busy: {
    title: 'The server is busy: trying again',
    hint: 'Many people come at once. You keep your turn while this page is open.',
  },
};

export const onStageWords: Advice = {
  title: 'You are on the stage: turn on your microphone when you like',
  hint: 'Nobody sees or hears you until you do.',
};

export const mutedByHostWords: Advice = {
  title: 'A host muted your microphone',
  hint: 'You can unmute when it is your turn.',
};

export const backstageWords = 'Backstage: the audience is not in yet';

/** What is said to whoever got another role. */
export const sayRole = (before: Role | null, role: Role): string => {
  if (role === 'viewer') return 'You are in the audience: nobody sees or hears you';
  if (role === 'host') return 'You are a host now';
  return before === 'viewer' ? 'You are on the stage' : 'You are no longer a host';
};

/** What changed of the door, to those whom it concerns; empty where that is nothing. The lobby is the hosts' matter. */
export const sayDoor = (before: Door, door: Door, role: Role | null): string =>
  [
    door.live === before.live
      ? ''
      : door.live
        ? 'The meeting is live: the audience comes in'
        : backstageWords,
    door.locked === before.locked ? '' : door.locked ? 'The meeting is locked' : 'The meeting is unlocked',
    door.lobby === before.lobby || role !== 'host'
      ? ''
      : door.lobby
        ? 'New people wait in the lobby'
        : 'The lobby is off: new people come in at once',
  ]
    .filter((part) => part !== '')
    .join(' · ');

/** To hosts, of who waits until one lets them in; empty where nobody does. Who waits until the meeting is live needs no host's hand. */
export const sayGuests = ({ count, guests }: Guests): string => {
  const first = guests.find(({ reason }) => reason === 'lobby');
  if (first === undefined) return '';
  return count === 1 ? `${first.name} waits to come in` : `${count} people wait to come in`;
};

export const sayBackstage = (waiting: number): string =>
  waiting === 0 ? backstageWords : `${backstageWords} · ${waiting} waiting`;

interface Counts {
  readonly onStage: number;
  readonly watching: number;
}

/** In the bar of the room. */
export const sayCounts = (kind: MeetingKind, { onStage, watching }: Counts): string =>
  kind === 'broadcast' || watching > 0 ? `${onStage} on stage · ${watching} watching` : `${onStage} here`;

export const sayPage = (page: number, pages: number): string => `Page ${page + 1} of ${pages}`;

export const groupWords = (kind: MeetingKind): Record<Group, string> => ({
  raised: 'Raised hands',
  hosts: 'Hosts',
  stage: kind === 'broadcast' ? 'On stage' : 'Participants',
  audience: 'Audience',
});

export const actionWords: Readonly<Record<HostAction, string>> = {
  toStage: 'Invite to the stage',
  toAudience: 'Back to the audience',
  makeHost: 'Make host',
  mute: 'Mute',
  stopShare: 'Stop their screen',
  remove: 'Remove',
};
