// A server that is reached over relays: media at another loopback address than the one it listens on, with the same port, signalling at
// another port.

import { createServer } from 'node:net';
import { once } from 'node:events';
import { startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { TcpRelay, perfectTcp } from './tcpRelay.ts';
import type { TcpConditions } from './tcpRelay.ts';
import { UdpRelay, perfectUdp } from './udpRelay.ts';
import type { UdpConditions } from './udpRelay.ts';

const far = '127.0.0.1';
const near = '127.0.0.2';

export interface BadRoads {
  readonly server: ServerProcess;
  readonly tcp: TcpRelay;
  readonly udp: UdpRelay;
  close(): Promise<number | null>;
}

export const openBadRoads = async (
  seed: number,
  conditions: { readonly udp?: UdpConditions; readonly tcp?: TcpConditions },
): Promise<BadRoads> => {
  const udp = await openUdp(seed, conditions.udp ?? perfectUdp);
  try {
    const server = await startServerProcess(
      {
        LATCHKEY_MEDIA_WORKERS: '1',
        LATCHKEY_MEDIA_LISTEN_IP: far,
        LATCHKEY_MEDIA_ANNOUNCED_ADDRESS: near,
        LATCHKEY_MEDIA_PORT_BASE: String(udp.port),
      },
      { tapped: false },
    );
    const tcp = await TcpRelay.open({
      listenAddress: near,
      serverAddress: far,
      serverPort: Number(new URL(server.url).port),
      seed,
      conditions: conditions.tcp ?? perfectTcp,
    });
    const close = async (): Promise<number | null> => {
      await tcp.close();
      udp.close();
      return await server.stop();
    };
    return { server, tcp, udp, close };
  } catch (cause) {
    udp.close();
    throw cause;
  }
};

/** On a port that the server can have at its own address, for media over UDP and TCP. */
const openUdp = async (seed: number, conditions: UdpConditions): Promise<UdpRelay> => {
  const holder = createServer().listen(0, far);
  await once(holder, 'listening');
  const address = holder.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const relay = await UdpRelay.open({ listenAddress: near, port, serverAddress: far, seed, conditions });
  holder.close();
  await once(holder, 'close');
  return relay;
};
