import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { scanMemory } from './scan.ts';

/** Keeps what it is sent in the form it is told, says so, and waits. */
const holder = `
  process.on('message', ({ bytes, form }) => {
    const raw = Buffer.from(bytes, 'latin1').map((byte) => byte ^ 0x5a);
    globalThis.held = form === 'raw' ? raw : Buffer.from('xy'.repeat(form === 'base64' ? 8 : 0) + raw.toString(form));
    process.send('held');
  });
`;

describe('looking through the memory of a process', () => {
  for (const form of ['raw', 'hex', 'base64', 'base64url'] as const) {
    it(`finds a key that stands there as ${form}, and no other`, async () => {
      const key = randomBytes(32);
      const other = randomBytes(32);
      const child = spawn(process.execPath, ['-e', holder], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      try {
        // Masked on its way, so that the message itself is no find.
        child.send({ bytes: Buffer.from(key.map((byte) => byte ^ 0x5a)).toString('latin1'), form });
        await once(child, 'message');
        const { found, scannedBytes } = await scanMemory(child.pid ?? 0, [
          { name: 'planted', bytes: key },
          { name: 'absent', bytes: other },
        ]);
        assert.ok(scannedBytes > 10_000_000);
        assert.ok(found.includes(`planted (${form})`), found.join());
        assert.ok(!found.some((one) => one.startsWith('absent')), found.join());
      } finally {
        child.kill();
        await once(child, 'exit');
      }
    });
  }
});
