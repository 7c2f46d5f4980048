// What a person can do, from the lobby to the end of the meeting. Holds what the state must not: the invitation's token,
// the meeting itself.

import type {
  EndReason,
  JoinMeeting,
  Meeting,
  Publication,
  Role,
  ViewedVideo,
} from '../../client/browser/api.ts';
import { LatchkeyError } from '../../protocol/errors.ts';
import { Capture } from '../media/capture.ts';
import { rememberName } from '../media/remembered.ts';
import { chooseOutput, playAll } from '../media/sound.ts';
import type { Store } from '../state/store.ts';
import { adviceFor } from '../words/advice.ts';
import type { Advice } from '../words/advice.ts';
import type { Kind } from '../words/deviceAdvice.ts';
import { Asking } from './asking.ts';
import { invitationLink, isToWatch, meetingAddress, nameInToken } from './address.ts';
import { listen, peopleOf } from './listen.ts';
import { Looking } from './looking.ts';
import { Sending } from './sending.ts';
import type { Server } from './server.ts';

interface Stay {
  readonly meeting: Meeting;
  readonly sending: Sending;
  readonly asking: Asking;
  readonly looking: Looking;
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

export class Call {
  readonly #store: Store;
  readonly #server: Server;
  readonly #joinMeeting: JoinMeeting;
  readonly #capture: Capture;
  /** Meetings made here: whoever makes one is its host. */
  readonly #made = new Set<string>();
  #invitation: string | null = null;
  #stay: Stay | null = null;
  #joining: AbortController | null = null;

  /** @param joinMeeting the SDK's, which is loaded while the person chooses devices. */
  constructor(store: Store, server: Server, joinMeeting: JoinMeeting) {
    this.#store = store;
    this.#server = server;
    this.#joinMeeting = joinMeeting;
    this.#capture = new Capture(store, (kind) => this.#stay?.sending.sync(kind));
  }

  /** The address as the page found it. */
  arrive(meetingId: string | null, token: string | null): void {
    this.#invitation = token;
    this.#place(meetingId);
    const name = token === null ? null : nameInToken(token);
    if (name !== null) this.#store.dispatch({ type: 'named', name });
    if (this.#store.state.toWatch) this.#closeDevices();
  }

  async openDevices(): Promise<void> {
    if (this.#store.state.toWatch) await this.#capture.refreshDevices();
    else await this.#capture.openBoth();
  }

  async refreshDevices(): Promise<void> {
    await this.#capture.refreshDevices();
  }

  /** Starts the new meeting or joins the one of the address. */
  async join(name: string, secret: string): Promise<void> {
    if (this.#joining !== null || this.#stay !== null) return;
    const controller = new AbortController();
    this.#joining = controller;
    this.#store.dispatch({ type: 'named', name });
    this.#store.dispatch({ type: 'joining' });
    if (this.#invitation === null) rememberName(name);
    try {
      if (secret !== '') this.#server.useSecret(secret);
      this.#settle(await this.#enter(name, controller.signal));
    } catch (thrown) {
      this.#notJoined(thrown, controller.signal.aborted);
    } finally {
      this.#joining = null;
    }
  }

  cancel(): void {
    this.#joining?.abort();
  }

  async leave(): Promise<void> {
    await this.#stay?.meeting.leave();
  }

  /** Back to the lobby, of this meeting or of a new one. */
  returnTo(meetingId: string | null): void {
    showAddress(meetingId);
    this.#store.dispatch({ type: 'returned', meetingId });
    void this.#capture.openBoth();
  }

  async toggle(kind: Kind): Promise<void> {
    const { wanted, asking, trackId } = this.#store.state[kind];
    if (asking || (kind === 'camera' && wanted)) this.#capture.close(kind);
    else if (kind === 'microphone' && trackId !== null) this.#capture.silence(wanted);
    else await this.#capture.open(kind);
  }

  /** Where a device is off, the choice is for later; instead of one that failed it is for now. A muted microphone stays muted. */
  async chooseDevice(kind: Kind, deviceId: string): Promise<void> {
    const { trackId, wanted, trouble } = this.#store.state[kind];
    if (trackId !== null) await this.#capture.open(kind, { deviceId, silent: !wanted });
    else if (trouble !== null) await this.#capture.open(kind, { deviceId });
    else this.#store.dispatch({ type: 'capture', kind, change: { deviceId } });
  }

  chooseOutput(deviceId: string): void {
    const id = deviceId === '' ? null : deviceId;
    chooseOutput(id);
    this.#store.dispatch({ type: 'output', id });
  }

  async toggleScreen(): Promise<void> {
    if (this.#store.state.sharing) await this.#stay?.sending.stopScreen();
    else await this.#stay?.sending.startScreen();
  }

  /** Null outside a meeting. */
  get asking(): Asking | null {
    return this.#stay?.asking ?? null;
  }

  /** What of the stage can be seen now. */
  look(videos: readonly ViewedVideo[]): void {
    this.#stay?.looking.see(videos);
  }

  async hear(): Promise<void> {
    this.#store.dispatch({ type: 'soundBlocked', blocked: !(await playAll()) });
  }

  /** Makes an invitation for one person, and copies it where the browser lets it. */
  async invite(name: string, role: Role, secret: string): Promise<void> {
    const { meetingId } = this.#store.state;
    if (meetingId === null) return;
    try {
      if (secret !== '') this.#server.useSecret(secret);
      const { token, expiresAt } = await this.#server.createToken(meetingId, name, role);
      const link = invitationLink(location.origin, meetingId, token);
      const copied = await copy(link);
      this.#store.dispatch({ type: 'invitation', invitation: { link, expiresAt, copied } });
    } catch (thrown) {
      const asksSecret = isUnauthorized(thrown);
      this.#store.dispatch({ type: 'notInvited', advice: adviceFor(thrown), asksSecret });
    }
  }

  #place(meetingId: string | null): void {
    showAddress(meetingId);
    const token = this.#invitation;
    const toWatch = token !== null && isToWatch(token);
    this.#store.dispatch({ type: 'placed', meetingId, invited: token !== null, toWatch });
  }

  async #enter(name: string, signal: AbortSignal): Promise<Meeting> {
    const token = this.#invitation ?? (await this.#tokenFor(name, signal));
    signal.throwIfAborted();
    const { meetingId } = this.#store.state;
    return await this.#joinMeeting({
      url: location.origin,
      token,
      ...(meetingId === null ? {} : { meeting: meetingId }),
      signal,
      onProgress: (step) => this.#store.dispatch({ type: 'step', step }),
      onWaiting: (reason) => this.#store.dispatch({ type: 'waiting', reason }),
    });
  }

  async #tokenFor(name: string, signal: AbortSignal): Promise<string> {
    let { meetingId } = this.#store.state;
    if (meetingId === null) {
      meetingId = await this.#server.createMeeting();
      this.#made.add(meetingId);
      this.#place(meetingId); // so that a second try joins this one
      signal.throwIfAborted();
    }
    const role: Role = this.#made.has(meetingId) ? 'host' : 'presenter';
    return (await this.#server.createToken(meetingId, name, role)).token;
  }

  #settle(meeting: Meeting): void {
    this.#invitation = null; // good for one joining
    const sending = new Sending(this.#store, this.#capture, meeting);
    const asking = new Asking(this.#store, meeting);
    this.#stay = { meeting, sending, asking, looking: new Looking(meeting) };
    this.#store.dispatch({
      type: 'joined',
      meetingId: meeting.id,
      meetingName: meeting.name ?? null,
      selfId: meeting.participantId,
      role: meeting.role,
      kind: meeting.kind,
      door: meeting.door,
      guests: meeting.guests,
      people: peopleOf(meeting),
      epoch: meeting.epochInfo,
    });
    showAddress(meeting.id);
    listen(this.#store, meeting, {
      role: (role) => this.#become(role),
      muted: (publication) => this.#muted(publication),
      ended: (reason, trouble) => this.#ended(reason, trouble),
    });
    if (meeting.role === 'viewer') this.#closeDevices();
    else for (const kind of ['microphone', 'camera'] as const) sending.sync(kind);
    void this.#capture.refreshDevices();
  }

  #closeDevices(): void {
    this.#capture.close('camera');
    this.#capture.close('microphone');
  }

  /** Another role. On the stage nothing starts by itself; in the audience every device is given back. */
  #become(role: Role): void {
    this.#store.dispatch({ type: 'role', role });
    if (role !== 'viewer') return;
    this.#closeDevices();
    void this.#stay?.sending.stopScreen();
  }

  /** A host did it: what this person wants is the same now, until it is unmuted. */
  #muted({ source }: Publication): void {
    if (source === 'camera') this.#capture.close('camera');
    if (source !== 'microphone') return;
    this.#capture.silence(true);
    this.#store.dispatch({ type: 'mutedByHost', muted: true });
  }

  #ended(reason: EndReason, trouble: Advice | null): void {
    this.#stay?.sending.close();
    this.#stay?.asking.close();
    this.#stay?.looking.close();
    this.#stay = null;
    this.#closeDevices();
    this.#store.dispatch({ type: 'over', reason, trouble });
  }

  #notJoined(thrown: unknown, cancelled: boolean): void {
    if (cancelled && isAbort(thrown)) this.#store.dispatch({ type: 'cancelled' });
    else {
      const type = isUnauthorized(thrown) ? 'secretAsked' : 'notJoined';
      this.#store.dispatch({ type, advice: adviceFor(thrown) });
    }
  }
}
