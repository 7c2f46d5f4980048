import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { joinFromNode } from '../../src/client/session/nodeParticipant.ts';
import type { Session } from '../../src/client/session/session.ts';
import type { Answer, Transport } from '../../src/protocol/signaling.ts';
import { MeetingServer } from './meetingServer.ts';
import type { Member } from './member.ts';
import { codeOf } from './observe.ts';

const strong = { algorithm: 'sha-256', value: 'AA:BB' };

const transport = (
  id: string,
  sign: (id: string, fingerprints: Fingerprints) => string,
  fingerprints = [strong],
): Transport => ({
  id,
  iceParameters: { usernameFragment: 'u', password: 'p' },
  iceCandidates: [],
  dtlsParameters: { fingerprints },
  signature: sign(id, fingerprints),
});
type Fingerprints = readonly { algorithm: string; value: string }[];
type Opened = Answer<'openMedia'>;

let server: MeetingServer | undefined;
let session: Session | undefined;

/** The code with which media open, when the server answers this. */
const openMedia = async (answer: (member: Member, to: MeetingServer) => Opened): Promise<string> => {
  const to = await MeetingServer.start({
    automatic: true,
    intercept: (member, method) => (method === 'openMedia' ? answer(member, to) : undefined),
  });
  server = to;
  ({ session } = await joinFromNode({ url: to.url, token: to.token('Ann') }));
  return await codeOf(session.openMedia({ rtpCapabilities: {} }));
};

const signer = (to: MeetingServer, member: Member) => (id: string, fingerprints: Fingerprints) =>
  to.keys.signTransport(member, id, fingerprints);

afterEach(async () => {
  session?.close();
  await server?.close();
});

describe('the transports that a server offers', () => {
  it('are taken where its key signed their fingerprints', async () => {
    const code = await openMedia((member, to) => ({
      send: transport('s', signer(to, member)),
      receive: transport('r', signer(to, member)),
    }));
    assert.equal(code, 'ok');
  });

  it('are taken by viewers, who only receive', async () => {
    const code = await openMedia((member, to) => ({
      send: null,
      receive: transport('r', signer(to, member)),
    }));
    assert.equal(code, 'ok');
  });

  const refused: [string, string, (member: Member, to: MeetingServer) => Opened][] = [
    [
      'another fingerprint than was signed',
      'key_message_forged',
      (member, to) => {
        const sign = signer(to, member);
        const receive = {
          ...transport('r', sign),
          dtlsParameters: { fingerprints: [{ ...strong, value: 'AA:BC' }] },
        };
        return { send: transport('s', sign), receive };
      },
    ],
    [
      "the other transport's signature",
      'key_message_forged',
      (member, to) => {
        const sign = signer(to, member);
        return { send: transport('s', () => sign('r', [strong])), receive: transport('r', sign) };
      },
    ],
    [
      "another participant's signature",
      'key_message_forged',
      (member, to) => {
        const other = Object.assign(Object.create(member) as Member, { participantId: 'p-9' });
        return { send: null, receive: transport('r', signer(to, other)) };
      },
    ],
    [
      'a fingerprint of sha-1, though signed',
      'weak_fingerprint',
      (member, to) => ({
        send: null,
        receive: transport('r', signer(to, member), [strong, { algorithm: 'sha-1', value: 'AA' }]),
      }),
    ],
    [
      'a signature of zeros',
      'key_message_forged',
      () => ({ send: null, receive: transport('r', () => 'A'.repeat(86)) }),
    ],
  ];
  for (const [what, code, answer] of refused) {
    it(`are refused with ${what}: ${code}`, async () => {
      assert.equal(await openMedia(answer), code);
    });
  }
});
