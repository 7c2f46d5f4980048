// What a person can do, from the lobby to the end of the meeting. Holds what the state must not: the invitation's token,
// the meeting itself.

import type { JoinMeeting, Meeting, Role } from '../../client/browser/api.ts';
import { LatchkeyError } from '../../protocol/errors.ts';
import { createCapture } from '../media/capture.ts';
import { rememberName } from '../media/remembered.ts';
import { chooseOutput, playAll } from '../media/sound.ts';
import type { Store } from '../state/store.ts';
import { adviceFor } from '../words/advice.ts';
import type { Kind } from '../words/deviceAdvice.ts';
import { invitationLink, meetingAddress, nameInToken } from './address.ts';
import { listen, peopleOf } from './listen.ts';
import { createSending } from './sending.ts';
import type { Sending } from './sending.ts';
import type { Server } from './server.ts';

export interface Call {
  /** The address as the page found it. */
  arrive(meetingId: string | null, token: string | null): void;
  openDevices(): Promise<void>;
  refreshDevices(): Promise<void>;
  /** Starts the new meeting or joins the one of the address. */
  join(name: string, secret: string): Promise<void>;
  cancel(): void;
  leave(): Promise<void>;
  /** Back to the lobby, of this meeting or of a new one. */
  returnTo(meetingId: string | null): void;
  toggle(kind: Kind): Promise<void>;
  chooseDevice(kind: Kind, deviceId: string): Promise<void>;
  chooseOutput(deviceId: string): void;
  toggleScreen(): Promise<void>;
  hear(): Promise<void>;
  /** Makes an invitation for one person, and copies it where the browser lets it. */
  invite(name: string, secret: string): Promise<void>;
}

interface Stay {
  readonly meeting: Meeting;
  readonly sending: Sending;
}

const isAbort = (thrown: unknown): boolean => thrown instanceof DOMException && thrown.name === 'AbortError';

const isUnauthorized = (thrown: unknown): boolean =>
  thrown instanceof LatchkeyError && thrown.code === 'unauthorized';

const copy = async (text: string): Promise<boolean> => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // not allowed, or not in front: the panel shows the link to copy by hand
  }
};

const showAddress = (meetingId: string | null): void => {
  history.replaceState(null, '', meetingId === null ? '/' : meetingAddress(meetingId));
};

/** @param joinMeeting the SDK's, which is loaded while the person chooses devices. */
export const createCall = (store: Store, server: Server, joinMeeting: JoinMeeting): Call => {
  let invitation: string | null = null;
  let stay: Stay | null = null;
  let joining: AbortController | null = null;

  /** Meetings made here: whoever makes one is its host. */
  const made = new Set<string>();

  const capture = createCapture(store, (kind) => stay?.sending.sync(kind));

  const placed = (meetingId: string | null): void => {
    showAddress(meetingId);
    store.dispatch({ type: 'placed', meetingId, invited: invitation !== null });
  };

  const tokenFor = async (name: string, signal: AbortSignal): Promise<string> => {
    if (invitation !== null) return invitation;
    let { meetingId } = store.state;
    if (meetingId === null) {
      meetingId = await server.createMeeting();
      made.add(meetingId);
      placed(meetingId); // so that a second try joins this one
      signal.throwIfAborted();
    }
    const role: Role = made.has(meetingId) ? 'host' : 'presenter';
    return (await server.createToken(meetingId, name, role)).token;
  };

  const settle = (meeting: Meeting): void => {
    invitation = null; // good for one joining
    const sending = createSending(store, capture, meeting);
    stay = { meeting, sending };
    store.dispatch({
      type: 'joined',
      meetingId: meeting.id,
      meetingName: meeting.name ?? null,
      selfId: meeting.participantId,
      role: meeting.role,
      people: peopleOf(meeting),
      epoch: meeting.epochInfo,
    });
    showAddress(meeting.id);
    listen(store, meeting, (reason, trouble) => {
      stay = null;
      sending.close();
      capture.close('camera');
      capture.close('microphone');
      store.dispatch({ type: 'over', reason, trouble });
    });
    for (const kind of ['microphone', 'camera'] as const) {
      if (meeting.role === 'viewer') capture.close(kind);
      else sending.sync(kind);
    }
    void capture.refreshDevices();
  };

  const notJoined = (thrown: unknown): void => {
    const advice = adviceFor(thrown);
    store.dispatch({ type: isUnauthorized(thrown) ? 'secretAsked' : 'notJoined', advice });
  };

  const join = async (name: string, secret: string): Promise<void> => {
    if (joining !== null || stay !== null) return;
    const controller = new AbortController();
    joining = controller;
    store.dispatch({ type: 'named', name });
    store.dispatch({ type: 'joining' });
    if (!store.state.invited) rememberName(name);
    try {
      if (secret !== '') server.useSecret(secret);
      const token = await tokenFor(name, controller.signal);
      controller.signal.throwIfAborted();
      const meeting = await joinMeeting({
        url: location.origin,
        token,
        ...(store.state.meetingId === null ? {} : { meeting: store.state.meetingId }),
        signal: controller.signal,
        onProgress: (step) => store.dispatch({ type: 'step', step }),
      });
      settle(meeting);
    } catch (thrown) {
      if (controller.signal.aborted && isAbort(thrown)) store.dispatch({ type: 'cancelled' });
      else notJoined(thrown);
    } finally {
      joining = null;
    }
  };

  const toggle = async (kind: Kind): Promise<void> => {
    const { wanted, asking, trackId } = store.state[kind];
    if (asking || (kind === 'camera' && wanted)) capture.close(kind);
    else if (kind === 'microphone' && trackId !== null) capture.silence(wanted);
    else await capture.open(kind);
  };

  return {
    arrive(meetingId, token) {
      invitation = token;
      placed(meetingId);
      const name = token === null ? null : nameInToken(token);
      if (name !== null) store.dispatch({ type: 'named', name });
    },
    openDevices: () => capture.openBoth(),
    refreshDevices: () => capture.refreshDevices(),
    join,
    cancel: () => joining?.abort(),
    leave: async () => stay?.meeting.leave(),
    returnTo(meetingId) {
      showAddress(meetingId);
      store.dispatch({ type: 'returned', meetingId });
      void capture.openBoth();
    },
    toggle,
    async chooseDevice(kind, deviceId) {
      const { trackId, wanted } = store.state[kind];
      if (trackId === null) store.dispatch({ type: 'capture', kind, change: { deviceId } });
      else await capture.open(kind, { deviceId, silent: !wanted });
    },
    chooseOutput(deviceId) {
      const id = deviceId === '' ? null : deviceId;
      chooseOutput(id);
      store.dispatch({ type: 'output', id });
    },
    async toggleScreen() {
      if (store.state.sharing) await stay?.sending.stopScreen();
      else await stay?.sending.startScreen();
    },
    async hear() {
      await playAll();
      store.dispatch({ type: 'soundBlocked', blocked: false });
    },
    async invite(name, secret) {
      const { meetingId } = store.state;
      if (meetingId === null) return;
      try {
        if (secret !== '') server.useSecret(secret);
        const { token, expiresAt } = await server.createToken(meetingId, name, 'presenter');
        const link = invitationLink(location.origin, meetingId, token);
        store.dispatch({ type: 'invitation', invitation: { link, expiresAt, copied: await copy(link) } });
      } catch (thrown) {
        store.dispatch({
          type: 'notInvited',
          advice: adviceFor(thrown),
          asksSecret: isUnauthorized(thrown),
        });
      }
    },
  };
};
