// The floor of a rekey: bare WebSockets. One message to all of them, the same bytes; each answers; nothing else.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { answerBy } from './childProcess.ts';
import { Settling } from './settling.ts';
import type { Settled } from './settling.ts';

export interface FloorRound extends Settled {
  readonly lastAnswerMs: number;
  readonly answers: number;
}

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
const settling = new Settling();
let answers = 0;
let lastAnswerMs = 0;

server.on('connection', (socket) => {
  socket.on('message', () => {
    answers++;
    lastAnswerMs = settling.elapsedMs;
    settling.step(answers < server.clients.size ? 'more' : 'all');
  });
});

answerBy({
  port: async () => {
    if (server.address() === null) await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  },
  /** `sealed`: what each client opens; the rest of `bytes` stands after it. */
  broadcast: async ({ sealed, bytes }: { sealed: Uint8Array; bytes: number }): Promise<FloorRound> => {
    const message = Buffer.concat([sealed, randomBytes(Math.max(0, bytes - sealed.length))]);
    answers = 0;
    const over = settling.over();
    settling.start();
    for (const socket of server.clients) socket.send(message);
    return { ...(await over), lastAnswerMs, answers };
  },
});
