// A page of the server's own origin that joins by the SDK alone: no page of ours around it.

import type { Browser, Page } from 'playwright-core';
import type { Meeting } from '../../src/client/browser/api.ts';
import type { Role } from '../../src/protocol/names.ts';
import { api } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';

declare global {
  interface Window {
    meeting: Meeting;
    /** Every socket that the page opened. */
    sockets: WebSocket[];
  }
}

/** Joins and sends a camera and a microphone (Chromium's fake ones); plays whatever comes. */
export const joinBySdk = async (
  browser: Browser,
  server: ServerProcess,
  meeting: string,
  name: string,
  role: Role = 'presenter',
): Promise<Page> => {
  const token = await api(server).token(meeting, name, role);
  const page = await (await browser.newContext()).newPage();
  await page.addInitScript(() => {
    window.sockets = [];
    window.WebSocket = class extends WebSocket {
      constructor(...options: ConstructorParameters<typeof WebSocket>) {
        super(...options);
        window.sockets.push(this);
      }
    };
  });
  // Any address of the server will do: its policy is the same everywhere.
  await page.goto(`${server.url}/.well-known/latchkey.json`);
  await page.evaluate(
    async ({ url, token }) => {
      const sdk = (await import(/* @vite-ignore */ `${url}/sdk/latchkey.js`)) as {
        joinMeeting: (options: { url: string; token: string }) => Promise<Meeting>;
      };
      window.meeting = await sdk.joinMeeting({ url, token });
      window.meeting.on('track', ({ kind, track }) => {
        const element = document.createElement(kind);
        element.autoplay = true;
        element.srcObject = new MediaStream([track]);
        document.body.append(element);
      });
      const devices = await navigator.mediaDevices.getUserMedia({
        audio: true,
        video: { width: 640, height: 360 },
      });
      for (const track of devices.getTracks()) await window.meeting.publish(track);
    },
    { url: server.url, token },
  );
  return page;
};
