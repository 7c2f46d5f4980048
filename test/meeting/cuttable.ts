// A way to a server that the test can cut: TCP connections that go through it, until they are cut, and again after that.

import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { once } from 'node:events';

export interface Cuttable {
  /** As the server's. */
  readonly url: string;
  /** Every connection that there is, as a network does that loses them: without a word. */
  cut(): void;
  /** Every connection stands still from now on, both ways, and is never closed: as a network does whose last hop is gone. */
  stall(): void;
  /** Whether new connections get through. */
  open: boolean;
  close(): Promise<void>;
}

export const startCuttable = async (serverUrl: string): Promise<Cuttable> => {
  const { hostname, port } = new URL(serverUrl);
  const sockets = new Set<Socket>();
  const hold = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // Cut connections report a reset: that is what they are for.
    socket.on('error', () => socket.destroy());
  };
  const server = createServer((near) => {
    hold(near);
    if (!cuttable.open) {
      near.destroy();
      return;
    }
    const far = connect(Number(port), hostname);
    hold(far);
    near.pipe(far);
    far.pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cuttable: Cuttable = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    stall: () => {
      cuttable.open = false;
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    open: true,
    close: async () => {
      cuttable.cut();
      server.close();
      await once(server, 'close');
    },
  };
  return cuttable;
};
