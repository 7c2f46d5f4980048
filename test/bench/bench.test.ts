// The benches, tiny: that each runs, and that what it writes is what is promised. No time is looked at.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { exitCodes } from '../../src/exitCodes.ts';
import { parseOptions, UsageError } from './options.ts';
import { formatTable } from './result.ts';
import type { BenchResult, Unit } from './result.ts';
import { compare, quantile, roundsForP99, seededRng } from './statistics.ts';

const main = new URL('main.ts', import.meta.url).pathname;

const run = async (args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> => {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
};

const isQuantiles = (value: unknown): boolean => {
  const { p50, p99 } = Object(value) as Record<string, unknown>;
  return typeof p50 === 'number' && Number.isFinite(p50) && p50 > 0 && p99 === null;
};

/** Of a difference, which may be anything where what differs is tiny. */
const isDifference = (value: unknown): boolean => {
  const { p50, p99 } = Object(value) as Record<string, unknown>;
  return typeof p50 === 'number' && Number.isFinite(p50) && p99 === null;
};

interface Looks {
  /** Of the figures; elsewhere they are times. */
  readonly units?: readonly Unit[];
  /** The figures are differences, and so may be nothing. */
  readonly differences?: boolean;
  readonly also?: (found: readonly BenchResult[]) => void;
}

/** Runs it with so few rounds that there is no p99, and looks at what it wrote. */
const ranTiny = async (
  name: string,
  cases: readonly string[],
  participants: number,
  { units = ['µs', 'ms'], differences = false, also }: Looks = {},
): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-'));
  const file = join(folder, 'found.json');
  try {
    const asked = ['--rounds', '2', '--seed', '7', '--json', file, '--participants', String(participants)];
    const { code, out, err } = await run([name, ...asked]);
    assert.equal(code, exitCodes.ok, err);
    const found = JSON.parse(await readFile(file, 'utf8')) as BenchResult[];
    assert.deepEqual(
      found.map((one) => one.case),
      cases,
    );
    for (const one of found) {
      assert.equal(one.name, name);
      assert.ok(one.participants === participants || one.participants === 0);
      assert.ok(units.includes(one.unit), one.unit);
      if (differences) assert.ok(isDifference(one) && isDifference(one.floor), JSON.stringify(one));
      else {
        assert.ok(isQuantiles(one) && isQuantiles(one.floor) && isQuantiles(one.ratio), JSON.stringify(one));
        assert.ok(one.interval.low <= one.ratio.p50 && one.ratio.p50 <= one.interval.high);
        assert.equal(one.ratio.p50, one.p50 / one.floor.p50);
      }
      assert.deepEqual([one.rounds, one.seed], [2, 7]);
      assert.ok(out.includes(`${name}: ${one.case}`), 'it stands in the table');
    }
    also?.(found);
  } finally {
    await rm(folder, { recursive: true });
  }
};

describe('a bench', { timeout: 300_000 }, () => {
  it('sframe: in Node and in a worker of Chromium', () =>
    ranTiny(
      'sframe',
      ['Node', 'worker'].flatMap((where) => [100, 1_200, 20_000].map((bytes) => `${where}, ${bytes} bytes`)),
      1,
    ));

  it('custodian: the vault and the process', () =>
    ranTiny(
      'custodian',
      ['vault', 'process'].flatMap((where) => [
        `admission, ${where}`,
        `one departure, ${where}`,
        `12 joins in one rekey, ${where}`,
      ]),
      12,
    ));

  it('keying: ours and pairwise ratchets beside a group ratchet', () =>
    ranTiny(
      'keying',
      ['central', 'pairwise ratchets'].flatMap((way) => [`one departure, ${way}`, `one join, ${way}`]),
      4,
    ));

  it('rekey: a real server and real sockets beside bare ones', () =>
    ranTiny('rekey', ['mint to last acknowledgement', 'mint to activation', 'server CPU'], 8));

  it('exposure: evictions', () => ranTiny('exposure', ['an eviction, cut to last confirmation'], 8));
});

/** Figures of each of the server's processes stand beside the sum. */
const tellsProcesses = (result: BenchResult | undefined, unit: string): void => {
  for (const name of ['control', 'custodian', 'workers', 'bare control', 'bare workers'])
    assert.equal(typeof result?.also?.[`${name} ${unit}`], 'number', name);
};

// They wait more than they work.
describe('a bench of media, ours beside bare mediasoup', { timeout: 300_000, concurrency: true }, () => {
  it('join: real transports on both sides', () =>
    ranTiny('join', ['first request to last connected and keyed', 'server CPU of one join'], 6, {
      units: ['ms'],
      also: ([, cpu]) => tellsProcesses(cpu, 'ms'),
    }));

  it('forward: as many packets come through both', () =>
    ranTiny('forward', ['server CPU of one packet, Opus'], 6, {
      units: ['µs'],
      also: ([found]) => {
        tellsProcesses(found, 'µs');
        const packets = found?.also?.['packets a burst'];
        assert.equal(packets, 6 * 150);
        assert.equal(found?.also?.['packets a burst, bare'], packets);
        assert.deepEqual([found?.also?.['lost, all bursts'], found?.also?.['lost, bare']], [0, 0]);
      },
    }));

  it('memory: of each process', () =>
    ranTiny(
      'memory',
      [
        'control process, in use',
        'control process, resident',
        'workers, resident',
        'all processes, resident',
      ],
      6,
      {
        units: ['kB'],
        differences: true,
        also: (found) => {
          tellsProcesses(found.at(-1), 'kB');
          assert.deepEqual(
            found.map(({ beyond }) => beyond?.p50),
            [30, 30, undefined, undefined],
          );
        },
      },
    ));

  it('broadcast: as many viewers as there may be', () =>
    ranTiny('broadcast', ['viewers of a 300 kbit/s video, nothing missing'], 6, {
      units: ['viewers'],
      also: ([found]) => {
        assert.deepEqual([found?.p50, found?.floor.p50], [6, 6]);
        assert.ok(found?.notes?.includes('no more than 6 were tried'));
      },
    }));
});

describe('the arguments', () => {
  const known = ['sframe', 'rekey'];

  it('without a name all run, in their order', () => {
    assert.deepEqual(parseOptions([], known).names, known);
    assert.deepEqual(parseOptions(['rekey', 'sframe', 'rekey'], known).names, known);
    assert.deepEqual(parseOptions(['rekey', '--participants', '50', '--json', 'file'], known), {
      names: ['rekey'],
      participants: 50,
      rounds: null,
      seed: 1,
      workers: 1,
      json: 'file',
    });
    assert.equal(parseOptions(['rekey', '--workers', '2'], known).workers, 2);
  });

  for (const [args, says] of [
    [['sfrane'], /no bench sfrane; there are sframe, rekey/],
    [['--participants', '0'], /--participants expected a whole number from 1/],
    [['--rounds', '1.5'], /--rounds expected a whole number from 1/],
    [['--workers', '0'], /--workers expected a whole number from 1/],
    [['--seed', 'dice'], /--seed expected a whole number from 1/],
    [['--json', ''], /--json expected a file/],
    [['--josn', 'file'], /--josn/],
  ] as const) {
    it(`${args.join(' ')} is refused`, () => {
      assert.throws(
        () => parseOptions(args, known),
        (thrown) => thrown instanceof UsageError && says.test(thrown.message),
      );
    });
  }

  it('that are wrong end the process with the code for that, and say what is right', async () => {
    const { code, out, err } = await run(['nothing']);
    assert.equal(code, exitCodes.usage);
    assert.equal(out, '');
    assert.match(err, /no bench nothing[\s\S]*npm run bench -- \[NAME…\]/);
  });
});

describe('the statistics', () => {
  it('quantiles lie between the values beside them', () => {
    assert.equal(quantile([3, 1, 2], 0.5), 2);
    assert.equal(quantile([1, 2], 0.5), 1.5);
    assert.equal(quantile([5], 0.99), 5);
    assert.throws(() => quantile([], 0.5), RangeError);
  });

  const pairs = (count: number) => {
    const rng = seededRng(3);
    return Array.from({ length: count }, () => ({ ours: 3 + rng(), floor: 2 + rng() }));
  };

  it('fewer rounds than are needed for a p99 have none', () => {
    assert.equal(compare(pairs(roundsForP99 - 1), 1).p99, null);
    const { p99, floor, ratio } = compare(pairs(roundsForP99), 1);
    assert.ok(p99 !== null && floor.p99 !== null);
    assert.equal(ratio.p99, p99 / floor.p99);
  });

  it('the interval holds the ratio, is the same again for the same seed, and closes in with more rounds', () => {
    const few = compare(pairs(20), 5);
    assert.deepEqual(compare(pairs(20), 5), few);
    const many = compare(pairs(2_000), 5);
    assert.ok(many.interval.low < 3.5 / 2.5 && 3.5 / 2.5 < many.interval.high);
    assert.ok(many.interval.high - many.interval.low < few.interval.high - few.interval.low);
  });

  it('what was missed is said', () => {
    const found = {
      name: 'rekey',
      case: 'a case',
      participants: 3,
      unit: 'ms',
      beside: 'a floor',
      seed: 1,
      ...compare([{ ours: 6, floor: 2 }], 1),
    } as const;
    assert.match(formatTable([{ ...found, reach: { p50: 2 } }]), /≤ 2\.00 MISSED/);
    assert.doesNotMatch(formatTable([{ ...found, reach: { p50: 3 } }]), /MISSED/);
    assert.match(formatTable([{ ...found, atMost: { p50: 5 } }]), /≤ 5\.00 ms MISSED/);
    assert.match(formatTable([{ ...found, beyond: { p50: 3 } }]), /≤ 3\.00 ms beyond it MISSED/);
    assert.doesNotMatch(formatTable([{ ...found, beyond: { p50: 4 } }]), /MISSED/);
  });
});
