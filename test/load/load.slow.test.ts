// `latchkey load` as a process, with real participants: a hundred of them, some of whom come and go, in a meeting of a server of its own; and
// some in a meeting that is there already.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { exitCodes } from '../../src/exitCodes.ts';
import type { LoadResult } from '../../src/load/result.ts';
import { until } from '../participant/until.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';

const main = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'latchkey-load-test-'));
after(() => rmSync(folder, { recursive: true }));

/** `options` without spaces in them; `others` as they are. */
const start = (options: string, others: readonly string[] = []) => {
  const child = spawn(process.execPath, [main, 'load', ...options.split(' '), ...others], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A load that hangs fails its test instead of holding up all.
    timeout: 240_000,
    killSignal: 'SIGKILL',
    env: { ...process.env, TMPDIR: folder },
  });
  const output = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.err += chunk.toString()));
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string);
  return { child, output, ended };
};

/** Processes whose command line, or whose environment's folder for temporary files, is this test's. */
const left = (): string[] =>
  readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`TMPDIR=${folder}`);
    } catch {
      // Gone while we looked.
      return false;
    }
  });

const assertNothingLeft = async (): Promise<void> => {
  await until('every process of the load is gone', 10_000, () => left().length === 0);
  assert.deepEqual(readdirSync(folder), []);
};

describe('a load', () => {
  it('of a hundred, with people who come and go: all join, all frames open, all follow the keys', async (t) => {
    const { output, ended } = start(
      '--participants 100 --publishers 5 --kind broadcast --duration 8s --churn 2/s --slow 1% --video 100k --seed 3 --json -',
      ['--expect', 'joins.failed==0', '--expect', 'joins.ok>=1000', '--expect', 'frames.failed.badTag==0'],
    );
    const code = await ended;
    assert.equal(code, exitCodes.unmet, output.err);
    assert.match(output.err, /expected joins\.ok>=1000, and it was \d+\n/);
    assert.equal(output.err.match(/expected /g)?.length, 1);
    assert.match(output.err, /running: \d+\/100 in, epoch \d+, [\d,]+ packets\/s, [\d,]+ lost/);
    const result = JSON.parse(output.out) as LoadResult;
    t.diagnostic(JSON.stringify(result));
    const { joins, rekeys, exposure, epochs, packets, frames, ended: ends, slow } = result;

    assert.deepEqual([joins.failed, ends], [{}, {}]);
    assert.ok(joins.ok >= 99 + 10, `${joins.ok} joins`);
    assert.equal(joins.silent, 0);
    assert.ok(joins.p50Ms !== null && joins.p99Ms !== null && joins.p50Ms <= joins.p99Ms);
    for (const [stage, { p50Ms }] of Object.entries(joins.stages)) assert.ok(p50Ms !== null, stage);

    assert.ok(rekeys.count > 3 && exposure.count > 5);
    assert.equal(epochs.missed, 0);
    // Each departure was followed by nearly everybody who was there.
    assert.ok(epochs.count > 60 * exposure.count, `${epochs.count} of ${exposure.count} departures`);
    assert.equal(slow.participants, 1);

    // None where there is a core for each process; a busy machine may not take all of them from a socket in time.
    assert.ok(packets.unexplained <= packets.received / 1_000, `${packets.unexplained} lost`);
    assert.ok(packets.sent > 500 && packets.received > 50 * 8 * 50);
    const { beforeFirstEpoch, missingKey, staleEpoch, ...broken } = frames.failed;
    assert.deepEqual(broken, { badTag: 0, replayed: 0, foreignOrigin: 0, malformed: 0 });
    for (const few of [beforeFirstEpoch, missingKey, staleEpoch]) assert.ok(few <= frames.opened / 100);
    assert.ok(frames.opened > 50 * 8 * 50, 'all of them opened all that they received');
    await assertNothingLeft();
  });

  it('may fill a meeting that is there, and leaves it again when it is told to stop', async () => {
    const server = await startServerProcess({}, { tapped: false });
    try {
      const meeting = await api(server).createMeeting({ kind: 'broadcast' });
      process.env['LATCHKEY_API_SECRET'] = server.apiSecret;
      const { child, output, ended } = start(
        `--url ${server.url} --meeting ${meeting} --participants 10 --publishers 2 --duration 10m --open-sample 50%`,
      );
      delete process.env['LATCHKEY_API_SECRET'];
      await until('all are in', 60_000, () => output.err.includes('running: 10/10 in'));
      child.kill('SIGINT');
      assert.equal(await ended, 130, output.err);
      assert.match(output.out, /^joins, token to first frame +10 /m);
      const ledger = await api(server).ledger(meeting);
      const causes = [...ledger.matchAll(/"type":"left".*"cause":"(\w+)"/g)].map(([, cause]) => cause);
      assert.deepEqual(
        causes,
        Array.from({ length: 10 }, () => 'left'),
      );
      await assertNothingLeft();
    } finally {
      assert.equal(await server.stop(), 0);
    }
  });

  it('of which a process dies fails with words for it, and ends all the others', async () => {
    const { child, output, ended } = start('--participants 4 --publishers 2 --duration 10m --processes 2');
    await until('all are in', 60_000, () => output.err.includes('running: 4/4 in'));
    const generator = left().find((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('load/generator'),
    );
    assert.ok(generator !== undefined && Number(generator) !== child.pid);
    process.kill(Number(generator), 'SIGKILL');
    assert.equal(await ended, exitCodes.failed);
    assert.match(output.err, /a generator of participants died: it ended with SIGKILL/);
    await assertNothingLeft();
  });
});
