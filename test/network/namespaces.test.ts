// The same meetings over a road that the kernel makes bad: real TCP that retransmits, real sockets that know of nothing.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { startServerProcess } from '../server/serverProcess.ts';
import { Road, whyNoRoad } from './road.ts';
import type { FromAfar, ToAfar } from './meetingAfar.ts';
import { testSeed } from './testSeed.ts';
import { TcpRelay, perfectTcp } from './tcpRelay.ts';

const script = new URL('meetingAfar.ts', import.meta.url).pathname;
const churnMs = 12_000;

const why = whyNoRoad();
if (why !== null) process.stderr.write(`NOT TRIED: meetings over lossy network namespaces, since ${why}\n`);

const meetAfar = async (t: TestContext, loss: number): Promise<void> => {
  const road = new Road();
  t.after(() => road.remove());
  const server = await startServerProcess(
    { LATCHKEY_MEDIA_WORKERS: '1', LATCHKEY_MEDIA_LISTEN_IP: road.serverAddress },
    { tapped: false },
  );
  t.after(async () => assert.equal(await server.stop(), 0));
  // The server itself answers without TLS on loopback only.
  const door = await TcpRelay.open({
    listenAddress: road.serverAddress,
    serverAddress: '127.0.0.1',
    serverPort: Number(new URL(server.url).port),
    seed: testSeed,
    conditions: perfectTcp,
  });
  t.after(() => door.close());
  road.lose(loss);

  const [command, ...args] = road.at(process.execPath, script);
  const afar = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  t.after(() => void afar.kill('SIGKILL'));
  const tell = (message: ToAfar): void => void afar.send(message);
  let failure = '';
  afar.on('message', (message: FromAfar) => {
    if (message.kind === 'outputWanted') tell({ kind: 'output', output: server.output() });
    else if (message.kind === 'figures') t.diagnostic(message.figures);
    else failure = message.why;
  });
  const { apiSecret } = server;
  const orders = {
    server: { url: door.url, apiSecret },
    url: door.url,
    bindAddress: road.participantAddress,
  };
  tell({ kind: 'orders', orders: { ...orders, seed: testSeed, churnMs } });
  const [code] = (await once(afar, 'exit')) as [number | null];
  assert.equal(failure, '');
  assert.equal(code, 0);
  t.diagnostic(`${road.lost} packets were lost on the road`);
  assert.ok(road.lost > 0, 'the road was as bad as it should be');
};

describe('a meeting over network namespaces', { skip: why ?? false }, () => {
  it('that lose 5 % of all packets', async (t) => {
    await meetAfar(t, 0.05);
  });

  it('that lose 20 % of all packets', async (t) => {
    await meetAfar(t, 0.2);
  });
});
