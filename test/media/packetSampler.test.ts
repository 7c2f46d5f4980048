// Real packets over plain RTP, some of which never come, and a receiver who reports what it lost.

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { MediaWorkers } from '../../src/media/workers.ts';
import { rtpPacket } from '../../src/load/rtpPackets.ts';
import { receiverCapabilities, rtpParametersOf, speech } from '../../src/load/syntheticMedia.ts';
import { until } from '../participant/until.ts';
import { mediaSettings } from './mediaSettings.ts';

const listenInfo = { protocol: 'udp' as const, ip: '127.0.0.1' };

const socketTo = async (t: { after(fn: () => void): void }, port: number) => {
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
};

/** RFC 3550 §6.4.2: one report block. */
const receiverReport = (ssrc: number, lost: number): Buffer => {
  const report = Buffer.alloc(32);
  report.set([0x81, 201, 0, 7]);
  report.writeUInt32BE(1, 4);
  report.writeUInt32BE(ssrc, 8);
  report.writeUInt32BE(lost, 12);
  report.writeUInt32BE(100, 16);
  return report;
};

describe('packets', () => {
  it('received and lost are counted in both directions, and stay counted when their streams end', async (t) => {
    const workers = await MediaWorkers.start(mediaSettings, pino({ level: 'silent' }));
    t.after(() => workers.close());
    const { router } = await workers.createRouter(0);
    const sending = await router.createPlainTransport({ listenInfo, comedia: true, rtcpMux: true });
    const producer = await sending.produce({ kind: 'audio', rtpParameters: rtpParametersOf(speech, 71) });
    const receiving = await router.createPlainTransport({ listenInfo, comedia: true, rtcpMux: true });
    const consumer = await receiving.consume({
      producerId: producer.id,
      rtpCapabilities: receiverCapabilities,
    });
    const [sender, receiver] = [
      await socketTo(t, sending.tuple.localPort),
      await socketTo(t, receiving.tuple.localPort),
    ];
    const { ssrc = 0 } = consumer.rtpParameters.encodings?.[0] ?? {};
    let sequence = 0;
    const timer = setInterval(() => {
      // Every fifth is lost on its way.
      if (++sequence % 5 === 0) return;
      const fields = { payloadType: speech.payloadType, sequence, timestamp: sequence * 960, ssrc: 71 };
      sender.send(rtpPacket(fields, new Uint8Array(80)));
      receiver.send(receiverReport(ssrc, Math.floor(sequence / 10)));
    }, 10);
    t.after(() => clearInterval(timer));
    await until('all three are counted', 10_000, () => {
      const { received, lostIn, lostOut } = workers.packets;
      return received > 50 && lostIn > 5 && lostOut > 2;
    });
    const before = { ...workers.packets };
    assert.ok(before.lostIn < before.received);
    sending.close();
    receiving.close();
    await until('another second has passed', 5_000, () => workers.loads()[0]?.transports === 0);
    assert.ok(workers.packets.received >= before.received);
  });
});
