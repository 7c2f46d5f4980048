// Packets that this process was too slow to take from its sockets, as the kernel counts them.

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { SocketDrops } from '../../src/load/socketDrops.ts';

/** Binds it, and sends it more than it can hold before anybody reads. */
const flooded = async (): Promise<Socket> => {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4_096 });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const sender = createSocket('udp4');
  const packet = Buffer.alloc(1_000);
  const sent = Array.from(
    { length: 200 },
    () => new Promise((resolve) => sender.send(packet, socket.address().port, '127.0.0.1', resolve)),
  );
  await Promise.all(sent);
  sender.close();
  return socket;
};

test('packets that a socket dropped are counted, and still are when it is closed', async () => {
  const drops = new SocketDrops();
  drops.look();
  assert.equal(drops.count, 0);
  const socket = await flooded();
  drops.look();
  const { count } = drops;
  assert.ok(count !== null && count > 0, `${count} dropped`);
  drops.look();
  assert.equal(drops.count, count, 'none is counted twice');
  socket.close();
  await once(socket, 'close');
  drops.look();
  assert.equal(drops.count, count);
});
