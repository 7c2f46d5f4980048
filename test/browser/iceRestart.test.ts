// A browser that says that the network is another: ICE is restarted under a connection that goes on, and neither DTLS nor keys notice.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { launchChromium } from './chromium.ts';
import { eventually } from './eventually.ts';
import {
  decodesMore,
  faultsOf,
  hearsMore,
  idOf,
  joinWatched,
  keyOf,
  ledgerOf,
  noFaults,
  receptionsOf,
} from './watchedPage.ts';

let server: ServerProcess;
let browser: Browser;
let meeting: string;
let ada: Page;
let bob: Page;

before(async () => {
  [server, browser] = await Promise.all([startServerProcess({}, { tapped: false }), launchChromium()]);
  meeting = await api(server).createMeeting();
  ada = await joinWatched(browser, server, { meeting, name: 'Ada' });
  bob = await joinWatched(browser, server, { meeting, name: 'Bob' });
});

after(async () => {
  await browser.close();
  assert.equal(await server.stop(), 0);
});

interface Path {
  readonly local: string;
  readonly remote: string;
  readonly state: string;
  readonly dtls: string;
  /** Of both ends' certificates, and what protects the hop: as they were handshaken. */
  readonly handshake: string;
}

/** One for each connection of the page that is open. */
const pathsOf = (page: Page): Promise<Path[]> =>
  page.evaluate(async () => {
    const fragment = (description: RTCSessionDescription | null): string =>
      /^a=ice-ufrag:(.*)$/m.exec(description?.sdp ?? '')?.[1]?.trim() ?? '';
    const paths: Path[] = [];
    for (const connection of window.connections) {
      if (connection.connectionState === 'closed') continue;
      for (const stat of (await connection.getStats()).values() as Iterable<Record<string, unknown>>) {
        if (stat['type'] !== 'transport') continue;
        const { localCertificateId, remoteCertificateId, tlsVersion, srtpCipher, dtlsCipher } = stat;
        paths.push({
          local: fragment(connection.localDescription),
          remote: fragment(connection.remoteDescription),
          state: connection.connectionState,
          dtls: String(stat['dtlsState']),
          handshake: [localCertificateId, remoteCertificateId, tlsVersion, srtpCipher, dtlsCipher].join(' '),
        });
      }
    }
    return paths;
  });

const handshakes = async (): Promise<string | undefined> =>
  /^latchkey_dtls_handshakes_total\{.*result="ok".*\} (\d+)$/m.exec(await api(server).metrics())?.[1];

const bothPlay = async (): Promise<void> => {
  const [adaId, bobId] = await Promise.all([idOf(ada), idOf(bob)]);
  await Promise.all([
    decodesMore(ada, bobId),
    decodesMore(bob, adaId),
    hearsMore(ada, bobId),
    hearsMore(bob, adaId),
  ]);
};

const tracksOf = async (page: Page): Promise<string[]> =>
  (await receptionsOf(page)).map(({ trackId }) => trackId).sort();

describe('a browser whose network is another', { timeout: 120_000 }, () => {
  it('restarts ICE on both its connections; DTLS, frames, leases and keys go on', async () => {
    await bothPlay();
    const before = await pathsOf(ada);
    assert.equal(before.length, 2);
    assert.ok(before.every(({ dtls, state }) => dtls === 'connected' && state === 'connected'));
    const look = async (): Promise<unknown> => ({
      ledger: await ledgerOf(server, meeting),
      keys: await Promise.all([ada, bob].map(keyOf)),
      tracks: await Promise.all([ada, bob].map(tracksOf)),
      handshakes: await handshakes(),
      others: await pathsOf(bob),
    });
    const was = await look();
    await ada.evaluate(() => {
      window.states = [];
      for (const connection of window.connections)
        connection.addEventListener('connectionstatechange', () =>
          window.states.push(connection.connectionState),
        );
      window.dispatchEvent(new Event('online'));
    });
    const now = await eventually(
      'ICE is another on both connections',
      20_000,
      () => pathsOf(ada),
      (paths) =>
        paths.every(
          ({ local, remote, state }, index) =>
            state === 'connected' && local !== before[index]?.local && remote !== before[index]?.remote,
        ),
    );
    assert.deepEqual(
      now.map(({ handshake }) => handshake),
      before.map(({ handshake }) => handshake),
    );
    await bothPlay();
    assert.deepEqual(await look(), was);
    const states = await ada.evaluate(() => window.states);
    assert.deepEqual(
      states.filter((state) => ['failed', 'closed', 'new'].includes(state)),
      [],
    );
    for (const page of [ada, bob]) {
      assert.deepEqual(await faultsOf(page), noFaults);
      const told = await page.evaluate(() => window.told);
      assert.deepEqual(
        told.filter((line) => /^(failure|ended|connection|publicationEnded|trackEnded)/.test(line)),
        [],
      );
    }
  });
});

declare global {
  interface Window {
    /** That connections went through after the network was another. */
    states: RTCPeerConnectionState[];
  }
}
