// A process of clients: participants of the real server, and as many sockets to the floor's. All participants share one check of each
// signature, since in a meeting each of them is a machine of its own, and here they all stand on the same two cores.

import { createDecipheriv } from 'node:crypto';
import { once } from 'node:events';
import { createNodeAgentCrypto } from '../../src/client/session/nodeAgentCrypto.ts';
import { createSharedVerify } from '../../src/client/session/sharedVerify.ts';
import type { Session } from '../../src/client/session/session.ts';
import { answerBy } from './childProcess.ts';
import { patientJoin } from './patientJoin.ts';

/** Joins under way at a time: a join is answered with the whole roster. */
const joinsAtOnce = 4;
const keyedMs = 600_000;

const crypto = createNodeAgentCrypto(createSharedVerify());
const sessions: Session[] = [];
const floor: WebSocket[] = [];

/** As long as what a participant acknowledges with. */
const answer = JSON.stringify({
  notice: 'acknowledged',
  data: { epoch: 100, fingerprint: 'x'.repeat(22) },
});

const openOne = (key: Uint8Array, message: Uint8Array): void => {
  const decipher = createDecipheriv('aes-256-gcm', key, new Uint8Array(12));
  decipher.setAuthTag(message.subarray(32, 48));
  decipher.update(message.subarray(0, 32));
  decipher.final();
};

const opus = (ssrc: number) => ({
  mid: '0',
  codecs: [{ mimeType: 'audio/opus', payloadType: 111, clockRate: 48_000, channels: 2 }],
  headerExtensions: [],
  encodings: [{ ssrc }],
  rtcp: { cname: 'bench' },
});

answerBy({
  join: async ({ url, tokens }: { url: string; tokens: string[] }): Promise<string[]> => {
    const ids: string[] = [];
    const left = [...tokens];
    const joinSome = async (): Promise<void> => {
      for (let token = left.pop(); token !== undefined; token = left.pop()) {
        const { session } = await patientJoin(crypto, url, token);
        sessions.push(session);
        ids.push(session.self.participantId);
      }
    };
    await Promise.all(Array.from({ length: joinsAtOnce }, joinSome));
    return ids;
  },
  /** The first so many, who may, send one stream each, as far as the server knows; no packet ever comes. */
  send: async (count: number): Promise<void> => {
    for (const session of sessions.slice(0, count)) {
      const { send } = await session.openMedia({ rtpCapabilities: { ...session.routerRtpCapabilities } });
      if (send === null) throw new Error('this participant may not send');
      const rtpParameters = opus(1_000_000 + session.lease);
      const what = { kind: 'audio', source: 'microphone', paused: false, stream: 0 } as const;
      await session.request('produce', { ...what, transportId: send.id, rtpParameters });
    }
  },
  /** Resolves when all have a key. */
  keyed: async (): Promise<void> => {
    await Promise.all(sessions.map((session) => session.keyed(keyedMs)));
  },
  floor: async ({ port, count, key }: { port: number; count: number; key: Uint8Array }): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
      socket.binaryType = 'arraybuffer';
      socket.addEventListener('message', ({ data }: MessageEvent) => {
        if (!(data instanceof ArrayBuffer)) return;
        openOne(key, new Uint8Array(data));
        socket.send(answer);
      });
      await once(socket, 'open');
      floor.push(socket);
    }
  },
  /** Milliseconds of processor until now. */
  cpu: (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  },
  present: (): number => sessions.filter(({ ended }) => !ended).length,
});
