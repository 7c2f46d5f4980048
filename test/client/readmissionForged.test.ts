import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { decodeAdmission, encodeAdmission } from '../../src/protocol/keyMessages.ts';
import type { AdmissionTerms } from '../../src/protocol/keyMessages.ts';
import { fromBase64Url, toBase64Url } from '../../src/protocol/bytes.ts';
import { epochId, lease as toLease } from '../../src/protocol/names.ts';
import type { MeetingServer } from './meetingServer.ts';
import { next } from './observe.ts';
import { Scene } from './scene.ts';

const scene = new Scene();
afterEach(() => scene.close());

describe('an admission that is not what was asked for', () => {
  const forgeries: [string, (bytes: Uint8Array) => Uint8Array][] = [
    ['that somebody changed', (bytes) => bytes.with(40, (bytes[40] ?? 0) ^ 1)],
    [
      'of another key pair',
      (bytes) => {
        const admission = decodeAdmission(bytes);
        return encodeAdmission({ ...admission, terms: { ...admission.terms, firstEpoch: epochId(0) } });
      },
    ],
  ];
  for (const [what, change] of forgeries) {
    it(`ends the session for an admission ${what}`, async () => {
      const to: MeetingServer = await scene.start({
        intercept: (member, method, ask) => {
          if (method !== 'readmit') return undefined;
          const { admission } = to.keys.admit(member, (ask as { publicKey: string }).publicKey);
          return { admission: toBase64Url(change(admission)) };
        },
      });
      const [ann] = await scene.pair();
      const [failure, ended] = [next(ann.session, 'failure'), next(ann.session, 'ended')];
      to.member('Ann').notice('readmit', { reason: 'renewal' });
      assert.match((await failure).code, /^key_message_(?:forged|malformed)$/);
      assert.deepEqual(await ended, { reason: 'failed' });
    });
  }

  const strays: [string, (terms: AdmissionTerms) => AdmissionTerms][] = [
    [
      'of another incarnation',
      (terms) => ({ ...terms, incarnation: terms.incarnation.map((byte) => byte ^ 1) }),
    ],
    ['with the lease that it has', (terms) => ({ ...terms, lease: toLease(1) })],
    ['with another role', (terms) => ({ ...terms, role: 'host' })],
    ['of another participant', (terms) => ({ ...terms, participant: 'p-2' })],
  ];
  for (const [what, change] of strays) {
    it(`ends the session for an admission ${what}, though it is rightly signed`, async () => {
      const to: MeetingServer = await scene.start({
        intercept: (member, method, ask) => {
          if (method !== 'readmit') return undefined;
          const { admission } = to.keys.admit(member, (ask as { publicKey: string }).publicKey);
          return { admission: toBase64Url(to.keys.readmit(admission, change)) };
        },
      });
      const [ann] = await scene.pair();
      const failure = next(ann.session, 'failure');
      to.member('Ann').notice('readmit', { reason: 'renewal' });
      assert.equal((await failure).code, 'key_message_forged');
    });
  }

  it('takes no admission of before for the one that was asked for, though it is rightly signed', async () => {
    const given: string[] = [];
    const to: MeetingServer = await scene.start({
      intercept: (member, method, ask) => {
        if (method !== 'readmit') return undefined;
        const { publicKey } = ask as { publicKey: string };
        given.push(toBase64Url(to.keys.admit(member, publicKey).admission));
        return { admission: given[0] };
      },
    });
    const [ann] = await scene.pair();
    const failure = next(ann.session, 'failure');
    await to.readmit(to.member('Ann'));
    await to.readmit(to.member('Ann'));
    assert.equal((await failure).code, 'key_message_forged');
    assert.equal(given.length, 2);
    assert.ok(fromBase64Url(given[1] ?? '') !== null);
  });
});
