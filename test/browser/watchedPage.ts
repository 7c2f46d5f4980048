// Pages of Chromium that join by the SDK alone, in any role, and of which everything can be asked: what they were told, what of others is
// decoded, what they encode. sdkPage.ts is for those who only need two who talk.

import type { Browser, Page } from 'playwright-core';
import type { JoinOptions, Meeting, MeetingEvents, Publication } from '../../src/client/browser/api.ts';
import type { Role, Source } from '../../src/protocol/names.ts';
import { api } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { eventually } from './eventually.ts';

declare global {
  interface Window {
    meeting: Meeting;
    /** Every peer connection that the page made. */
    connections: RTCPeerConnection[];
    /** What the SDK told, in order: `event detail`. */
    told: string[];
  }
}

export interface CameraSize {
  readonly width: number;
  readonly height: number;
  readonly frameRate?: number;
}

export interface Joining {
  readonly meeting: string;
  readonly name: string;
  readonly role?: Role;
  /** Of the camera; null: nothing is sent. */
  readonly camera?: CameraSize | null;
}

/** A page in which `window.joinAs` is to be called. */
const openPage = async (browser: Browser, server: ServerProcess): Promise<Page> => {
  const page = await (await browser.newContext()).newPage();
  await page.addInitScript(() => {
    window.told = [];
    window.connections = [];
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...options: ConstructorParameters<typeof RTCPeerConnection>) {
        super(...options);
        window.connections.push(this);
      }
    };
  });
  // Any address of the server will do: its policy is the same everywhere.
  await page.goto(`${server.url}/.well-known/latchkey.json`);
  return page;
};

/** In the page: joins, writes down what it is told, plays whatever comes. */
const enter = async ({ url, token }: { url: string; token: string }): Promise<void> => {
  const sdk = (await import(/* @vite-ignore */ `${url}/sdk/latchkey.js`)) as {
    joinMeeting: (options: JoinOptions) => Promise<Meeting>;
  };
  const { told } = window;
  const meeting = await sdk
    .joinMeeting({ url, token, onWaiting: (reason) => told.push(`waiting ${reason}`) })
    .catch((thrown: unknown) => {
      told.push(`refused ${String((thrown as { code?: unknown }).code)}`);
      throw thrown;
    });
  const tell = <E extends keyof MeetingEvents>(event: E, detail: (data: MeetingEvents[E]) => string) =>
    meeting.on(event, (data) => told.push(`${event} ${detail(data)}`));
  tell('trackEnded', ({ participantId, source }) => `${participantId} ${source}`);
  tell('participantChanged', ({ participantId, role, hand }) => `${participantId} ${role} ${hand}`);
  tell('participantLeft', ({ participantId, cause }) => `${participantId} ${cause}`);
  tell('muted', ({ participantId, source, muted }) => `${participantId} ${source} ${muted}`);
  tell('role', ({ role }) => role);
  tell('door', ({ locked, lobby, live }) => `${locked} ${lobby} ${live}`);
  tell('guests', ({ count }) => `${count}`);
  tell('mutedByHost', ({ source }) => source);
  tell('publicationEnded', ({ source }) => source);
  tell('connection', ({ state }) => state);
  tell('failure', ({ code }) => code);
  tell('ended', ({ reason }) => reason);
  meeting.on('track', ({ kind, track, participantId, source }) => {
    told.push(`track ${participantId} ${source}`);
    const element = document.createElement(kind);
    element.autoplay = true;
    element.srcObject = new MediaStream([track]);
    document.body.append(element);
    track.addEventListener('ended', () => element.remove());
  });
  window.meeting = meeting;
};

export const publishDevices = async (page: Page, video: CameraSize): Promise<void> => {
  await page.evaluate(async (video) => {
    const devices = await navigator.mediaDevices.getUserMedia({ audio: true, video });
    for (const track of devices.getTracks()) await window.meeting.publish(track);
  }, video);
};

/** Joined, unless it waits or is refused, which `window.told` says. `joined` settles with it. */
export const knock = async (
  browser: Browser,
  server: ServerProcess,
  { meeting, name, role = 'presenter' }: Joining,
): Promise<{ readonly page: Page; readonly joined: Promise<void> }> => {
  const token = await api(server).token(meeting, name, role);
  const page = await openPage(browser, server);
  const joined = page.evaluate(enter, { url: server.url, token });
  // Looked at when it is awaited; it may be refused before that.
  joined.catch(() => undefined);
  return { page, joined };
};

/** Small pictures: they cost two cores least. */
const smallCamera = { width: 320, height: 180 };

/** Joined and, but for viewers, sending. */
export const joinWatched = async (
  browser: Browser,
  server: ServerProcess,
  joining: Joining,
): Promise<Page> => {
  const { page, joined } = await knock(browser, server, joining);
  await joined;
  const { role, camera = smallCamera } = joining;
  if (role !== 'viewer' && camera !== null) await publishDevices(page, camera);
  return page;
};

export const idOf = (page: Page): Promise<string> => page.evaluate(() => window.meeting.participantId);

/** Resolves when it was told this, or was told it before; `after`: not counting so many. */
export const isTold = async (page: Page, what: string | RegExp, after = 0): Promise<string> => {
  const matches = (line: string): boolean => (typeof what === 'string' ? line === what : what.test(line));
  const lines = await eventually(
    `a page is told ${what}`,
    30_000,
    () => page.evaluate(() => window.told),
    (told) => told.slice(after).some(matches),
  );
  return lines.slice(after).find(matches) ?? '';
};

/** How much it was told so far: for `isTold`. */
export const toldSoFar = (page: Page): Promise<number> => page.evaluate(() => window.told.length);

/** One track that a page receives. */
export interface Reception {
  readonly participantId: string;
  readonly source: Source;
  readonly trackId: string;
  readonly framesDecoded: number;
  readonly frameHeight: number;
  readonly bytesReceived: number;
  readonly energy: number;
}

/** Of every track that the SDK says is received. */
export const receptionsOf = (page: Page): Promise<Reception[]> =>
  page.evaluate(async () => {
    const stats = new Map<string, Record<string, unknown>>();
    for (const connection of window.connections) {
      if (connection.connectionState === 'closed') continue;
      for (const stat of (await connection.getStats()).values() as Iterable<Record<string, unknown>>)
        if (stat['type'] === 'inbound-rtp') stats.set(String(stat['trackIdentifier']), stat);
    }
    return window.meeting.tracks.map(({ participantId, source, track }) => {
      const stat = stats.get(track.id) ?? {};
      const number = (name: string): number => Number(stat[name] ?? 0);
      return {
        participantId,
        source,
        trackId: track.id,
        framesDecoded: number('framesDecoded'),
        frameHeight: number('frameHeight'),
        bytesReceived: number('bytesReceived'),
        energy: number('totalAudioEnergy'),
      };
    });
  });

export const receptionOf = async (
  page: Page,
  participantId: string,
  source: Source,
): Promise<Reception | undefined> =>
  (await receptionsOf(page)).find((one) => one.participantId === participantId && one.source === source);

/** Enough to know that pictures follow one another, not only that one came. */
const someFrames = 10;

/** Resolves when it has decoded more of this picture than it has now, or all anew where it is another track. */
export const decodesMore = async (
  page: Page,
  participantId: string,
  source: Source = 'camera',
  withinMs = 30_000,
): Promise<void> => {
  const before = await receptionOf(page, participantId, source);
  await eventually(
    `frames of ${source} are decoded`,
    withinMs,
    () => receptionOf(page, participantId, source),
    (now) => {
      if (now === undefined) return false;
      const from = before?.trackId === now.trackId ? before.framesDecoded : 0;
      return now.framesDecoded >= from + someFrames;
    },
  );
};

/** Resolves when it has heard more of this voice than it has now. */
export const hearsMore = async (page: Page, participantId: string): Promise<void> => {
  const before = await receptionOf(page, participantId, 'microphone');
  await eventually(
    'a voice is heard',
    30_000,
    () => receptionOf(page, participantId, 'microphone'),
    (now) =>
      now !== undefined && now.energy > (before?.trackId === now.trackId ? before.energy : 0) + 0.000_1,
  );
};

export const publicationsOf = (page: Page): Promise<Pick<Publication, 'source' | 'muted' | 'active'>[]> =>
  page.evaluate(() =>
    window.meeting.publications.map(({ source, muted, active }) => ({ source, muted, active })),
  );

/** What of the keys a page uses. */
export const keyOf = (page: Page): Promise<{ readonly epoch: number; readonly chain: string }> =>
  page.evaluate(() => {
    const { epoch, chain } = window.meeting.epochInfo;
    return { epoch, chain };
  });

/** Nothing failed to open or to be sealed. Frames of an epoch that is not there yet, or sent again, are not counted here. */
export const faultsOf = (page: Page): Promise<Record<string, number>> =>
  page.evaluate(async () => {
    const { badTag, foreignOrigin, malformed, unsealed } = (await window.meeting.stats()).frames;
    return { badTag, foreignOrigin, malformed, unsealed };
  });

export const noFaults = { badTag: 0, foreignOrigin: 0, malformed: 0, unsealed: 0 };

/** A meeting's ledger as plain lines, of these types or of all that tell who was there and which keys there were. */
export const ledgerOf = async (
  server: ServerProcess,
  meeting: string,
  types: readonly string[] = ['joined', 'moved', 'left', 'minted', 'shared'],
): Promise<Record<string, unknown>[]> =>
  (await api(server).ledger(meeting))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ type }) => types.includes(String(type)));
