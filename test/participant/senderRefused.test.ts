// A sender that breaks a rule of sealing, among others who keep them, over the real server: it is found, told why and removed; the others
// go on in an epoch that it cannot derive.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { lease } from '../../src/protocol/names.ts';
import { decodeHeader, encodeHeader } from '../../src/sframe/header.ts';
import { parseKeyId } from '../../src/sframe/keyId.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { MediaParticipant } from './mediaParticipant.ts';
import { mediaPeersEnded } from '../../src/load/mediaPeer.ts';
import { speech } from '../../src/load/syntheticMedia.ts';
import { until } from './until.ts';

/** A turn of each of three senders and the rests between them take 6 s; twice that on a busy machine. */
const foundWithinMs = 12_000;

let server: ServerProcess;

before(async () => {
  server = await startServerProcess({}, { tapped: false });
});

after(async () => {
  await mediaPeersEnded();
  assert.equal(await server.stop(), 0);
});

/** The same frame under another KID: it opens nowhere, which the server cannot know. */
const underKid = (sealed: Uint8Array, change: (kid: number) => number): Uint8Array => {
  const { kid, ctr, end } = decodeHeader(sealed);
  const header = encodeHeader({ kid: change(Number(kid)), ctr });
  return new Uint8Array(Buffer.concat([header, sealed.subarray(end)]));
};

/** A KID is lease · 2¹² + stream · 2⁸ + (epoch mod 256). */
const ofLease = (kid: number, other: number): number => (kid % 2 ** 12) + other * 2 ** 12;
const ofResidue = (kid: number, residue: number): number => kid - (kid % 256) + residue;

type Tamper = (sealed: Uint8Array, victim: MediaParticipant) => Uint8Array;
const breaches: readonly (readonly [string, string, Tamper])[] = [
  ['sends in clear', 'malformed', (sealed) => new Uint8Array(sealed.length).fill(0xfc)],
  [
    'seals under the lease of somebody else',
    'foreignLease',
    (sealed, victim) => underKid(sealed, (kid) => ofLease(kid, victim.session.lease)),
  ],
  [
    'seals under an epoch that never was',
    'deadEpoch',
    (sealed) => underKid(sealed, (kid) => ofResidue(kid, 200)),
  ],
  [
    'uses one counter again and again',
    'repeatedCounter',
    (sealed) => {
      const { kid, end } = decodeHeader(sealed);
      return new Uint8Array(Buffer.concat([encodeHeader({ kid, ctr: 7 }), sealed.subarray(end)]));
    },
  ],
];

describe('a sender', () => {
  for (const [what, kind, tamper] of breaches) {
    it(`that ${what} is removed`, async (t) => {
      const meeting = await api(server).createMeeting();
      const join = async (name: string, extra: { tamper?: (sealed: Uint8Array) => Uint8Array } = {}) => {
        const token = await api(server).token(meeting, name);
        return await MediaParticipant.join({
          name,
          url: server.url,
          token,
          bindAddress: '127.0.0.1',
          sends: [speech],
          ...extra,
        });
      };
      const ada = await join('Ada');
      const bob = await join('Bob');
      let honest = true;
      const mallory = await join('Mallory', {
        tamper: (sealed) => (honest ? sealed : tamper(sealed, ada)),
      });
      const heard = (): boolean =>
        ada.received.some(
          ({ producer, opened }) =>
            opened > 20 && producer.participantId === mallory.session.self.participantId,
        );
      await until('Ada hears Mallory, who is honest so far', 10_000, heard);
      assert.equal(parseKeyId(2 ** 12)?.lease, lease(1), 'the KID is as it is taken apart here');
      const before = ada.session.epoch?.epoch ?? 0;

      honest = false;
      const began = performance.now();
      await until('Mallory’s end', foundWithinMs, () => mallory.ended !== null);
      t.diagnostic(`removed after ${Math.round(performance.now() - began)} ms`);
      assert.equal(mallory.ended, 'protocolError');
      assert.deepEqual(
        mallory.failures.map(({ code }) => code),
        ['sender_refused'],
      );
      await until('an epoch without Mallory', 10_000, () => (ada.session.epoch?.epoch ?? 0) > before);
      const refusals = server
        .output()
        .split('\n')
        .filter((line) => line.includes('"sender.refused"') && line.includes(meeting))
        .map((line) => (JSON.parse(line) as { kind: string }).kind);
      assert.deepEqual(refusals, [kind], 'Mallory and nobody else, once');
      for (const participant of [ada, bob]) {
        assert.equal(participant.ended, null);
        await participant.leave();
      }
    });
  }
});
