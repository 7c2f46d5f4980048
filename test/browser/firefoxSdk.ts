// A page in Firefox that joins by the SDK alone, as sdkPage.ts does in Chromium; and what of it is decoded.

import { api } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import type { Meeting } from '../../src/client/browser/api.ts';
import type { Role } from '../../src/protocol/names.ts';
import type { Firefox } from './firefox.ts';
import type { FirefoxPage } from './firefoxPage.ts';

declare global {
  interface Window {
    /** Every peer connection that the page made. */
    connections: RTCPeerConnection[];
    /** Of the SDK: what failed. */
    failures: string[];
  }
}

/** What came of others and went to them, over all connections of a page. */
export interface MediaOfPage {
  /** By incoming picture. */
  readonly framesDecoded: readonly number[];
  /** By incoming voice. */
  readonly audioEnergy: readonly number[];
  /** By outgoing picture's size and voice. */
  readonly packetsSent: readonly number[];
}

/** Viewers only receive; others send a camera and a microphone (Firefox's fake ones). Plays whatever comes. */
export const joinInFirefox = async (
  firefox: Firefox,
  server: ServerProcess,
  { meeting, name, role = 'presenter' }: { meeting: string; name: string; role?: Role },
): Promise<FirefoxPage> => {
  const token = await api(server).token(meeting, name, role);
  const page = await firefox.newPage();
  await page.addInitScript(() => {
    window.connections = [];
    window.failures = [];
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...options: ConstructorParameters<typeof RTCPeerConnection>) {
        super(...options);
        window.connections.push(this);
      }
    };
  });
  // Any address of the server will do: its policy is the same everywhere.
  await page.goto(`${server.url}/.well-known/latchkey.json`);
  await page.evaluate(
    async ({ url, token, sends }) => {
      const sdk = (await import(/* @vite-ignore */ `${url}/sdk/latchkey.js`)) as {
        joinMeeting: (options: { url: string; token: string }) => Promise<Meeting>;
      };
      window.meeting = await sdk.joinMeeting({ url, token });
      window.meeting.on('failure', ({ code, message }) => window.failures.push(`${code}: ${message}`));
      window.meeting.on('track', ({ kind, track }) => {
        const element = document.createElement(kind);
        element.autoplay = true;
        element.srcObject = new MediaStream([track]);
        document.body.append(element);
      });
      if (!sends) return;
      const devices = await navigator.mediaDevices.getUserMedia({
        audio: true,
        video: { width: 640, height: 360 },
      });
      for (const track of devices.getTracks()) await window.meeting.publish(track);
    },
    { url: server.url, token, sends: role !== 'viewer' },
  );
  return page;
};

export const mediaOf = (page: FirefoxPage): Promise<MediaOfPage> =>
  page.evaluate(async () => {
    const found = { framesDecoded: [] as number[], audioEnergy: [] as number[], packetsSent: [] as number[] };
    for (const connection of window.connections) {
      for (const stat of (await connection.getStats()).values() as Iterable<Record<string, unknown>>) {
        const { type, kind } = stat;
        // mediasoup-client's section for probes of bandwidth: Firefox lists it as one more video, which never has a frame.
        if (stat['mid'] === 'probator') continue;
        if (type === 'inbound-rtp' && kind === 'video')
          found.framesDecoded.push(Number(stat['framesDecoded'] ?? 0));
        if (type === 'inbound-rtp' && kind === 'audio')
          found.audioEnergy.push(Number(stat['totalAudioEnergy'] ?? 0));
        if (type === 'outbound-rtp') found.packetsSent.push(Number(stat['packetsSent'] ?? 0));
      }
    }
    return found;
  });
