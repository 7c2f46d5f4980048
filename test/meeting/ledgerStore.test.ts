import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { LedgerStore } from '../../src/meeting/ledgerStore.ts';
import type { LedgerStoreOptions } from '../../src/meeting/ledgerStore.ts';
import type { LatchkeyError } from '../../src/protocol/errors.ts';

const dayMs = 86_400_000;
/** The files' own times are those of the machine. */
const startMs = Date.now();
const incarnation = (value: number): Uint8Array => new Uint8Array(16).fill(value);
const nameOf = (meeting: string, atMs: number, value: number): string =>
  `${meeting}.${atMs}.${Buffer.from(incarnation(value)).toString('base64url')}.jsonl`;

let top = '';
let folder = '';
let nowMs = startMs;
let failures: LatchkeyError[] = [];
const stores: LedgerStore[] = [];

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'latchkey-ledgers-'));
  folder = join(top, 'ledgers');
  nowMs = startMs;
  failures = [];
});
afterEach(async () => {
  mock.timers.reset();
  for (const store of stores.splice(0)) await store.close();
  rmSync(top, { recursive: true, force: true });
});

const createStore = (options: Partial<LedgerStoreOptions> = {}): LedgerStore => {
  const store = new LedgerStore({
    folder,
    keepDays: 30,
    now: () => nowMs,
    onFailed: (error) => void failures.push(error),
    ...options,
  });
  stores.push(store);
  return store;
};

/** Its first sweep is over: nothing reads the folder until it is asked to. */
const createRestingStore = async (): Promise<LedgerStore> => {
  const swept = Promise.withResolvers<number>();
  const store = createStore({ onSwept: swept.resolve });
  await swept.promise;
  return store;
};

const readAll = async (store: LedgerStore, meeting: string, which?: string): Promise<string | null> => {
  const found = await store.read(meeting, which);
  if (found === null) return null;
  const whole = await text(found.stream);
  assert.equal(Buffer.byteLength(whole), found.bytes);
  return whole;
};

describe('the ledgers in the data folder', () => {
  it('are files of their own, for their owner alone', async () => {
    const file = createStore().open('standup', incarnation(1));
    file.write('one');
    file.write('two');
    assert.equal(await file.flush(), true);
    const path = join(folder, nameOf('standup', startMs, 1));
    assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\n');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
  });

  it('are read while they are written, up to the last line that was told', async () => {
    const store = createStore();
    const file = store.open('standup', incarnation(1));
    file.write('one');
    assert.equal(await readAll(store, 'standup'), 'one\n');
    file.write('two');
    assert.equal(await readAll(store, 'standup'), 'one\ntwo\n');
    const [listed] = await store.list('standup');
    assert.deepEqual(listed, {
      meeting: 'standup',
      incarnation: 'AQEBAQEBAQEBAQEBAQEBAQ',
      startedAt: new Date(startMs),
      running: true,
    });
  });

  it('are read after the end, and by the next server', async () => {
    const store = createStore();
    for (const value of [1, 2]) {
      nowMs += 1_000;
      const file = store.open('standup', incarnation(value));
      file.write(`of ${value}`);
      file.close();
    }
    await store.close();
    const next = createStore();
    assert.equal(await readAll(next, 'standup'), 'of 2\n');
    const listed = await next.list('standup');
    assert.deepEqual(
      listed.map(({ startedAt, running }) => [startedAt.getTime(), running]),
      [
        [startMs + 2_000, false],
        [startMs + 1_000, false],
      ],
    );
    assert.equal(await readAll(next, 'standup', listed[1]?.incarnation), 'of 1\n');
    assert.equal(await readAll(next, 'standup', 'AAAAAAAAAAAAAAAAAAAAAA'), null);
    assert.equal(await readAll(next, 'other'), null);
    assert.deepEqual(await next.list('other'), []);
  });

  it('none runs once each that was begun is closed and written', async () => {
    const store = createStore();
    await store.noneRuns();
    const files = [1, 2].map((value) => store.open('standup', incarnation(value)));
    assert.equal(store.running, 2);
    let ended = false;
    const noneRuns = store.noneRuns().then(() => {
      ended = true;
    });
    for (const file of files) {
      file.write('one');
      assert.ok(await file.flush());
      assert.equal(ended, false);
      file.close();
    }
    await noneRuns;
    assert.ok((await store.list('standup')).every(({ running }) => !running));
  });

  it('the one that runs is the newest, though the clock was set back', async () => {
    const store = createStore();
    const before = store.open('standup', incarnation(1));
    before.write('before');
    before.close();
    nowMs -= 60_000;
    store.open('standup', incarnation(2)).write('now');
    assert.equal(await readAll(store, 'standup'), 'now\n');
  });

  it('what a crash left of a line is not read', async () => {
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(join(folder, nameOf('standup', startMs, 1)), 'one\ntwo\n{"n":2,"pre');
    writeFileSync(join(folder, nameOf('standup', startMs + 1, 2)), '{"n":0,"pre');
    const store = createStore();
    // Of the newer one there is not a single line.
    assert.equal(await readAll(store, 'standup'), 'one\ntwo\n');
  });

  it('only files by the name of a ledger are: no link, no folder, nothing else', async () => {
    mkdirSync(folder, { mode: 0o700 });
    const secret = join(top, 'secret');
    writeFileSync(secret, 'not to be read\n');
    const link = join(folder, nameOf('standup', startMs, 1));
    symlinkSync(secret, link);
    const below = join(folder, nameOf('standup', startMs, 2));
    mkdirSync(below);
    const others = ['notes.txt', 'standup.jsonl', `${nameOf('standup', 1, 1)}.bak`, `..${nameOf('x', 1, 1)}`];
    for (const other of others) writeFileSync(join(folder, other), 'x\n');
    for (const name of readdirSync(folder)) {
      if (!lstatSync(join(folder, name)).isSymbolicLink()) utimesSync(join(folder, name), 1, 1);
    }
    utimesSync(secret, 1, 1);
    const store = createStore();
    assert.equal(await readAll(store, 'standup'), null);
    assert.deepEqual(await store.list('standup'), []);
    assert.equal(await store.sweep(), 0);
    assert.deepEqual(readdirSync(folder).length, others.length + 2);
    assert.equal(readFileSync(secret, 'utf8'), 'not to be read\n');
    assert.deepEqual(failures, []);
  });

  it('a name that would lead elsewhere is never made', () => {
    const store = createStore();
    for (const meeting of ['../elsewhere', 'a/b', '', 'a.b', 'x'.repeat(65)]) {
      assert.throws(() => store.open(meeting, incarnation(1)), RangeError);
    }
    assert.throws(() => store.open('standup', new Uint8Array(15)), RangeError);
  });
});

describe('old ledgers', () => {
  const put = (meeting: string, lastLineMs: number): string => {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, nameOf(meeting, 1, 1));
    writeFileSync(path, 'line\n');
    utimesSync(path, lastLineMs / 1_000, lastLineMs / 1_000);
    return path;
  };

  it('are removed at the start, so many days after their last line', async () => {
    const old = put('old', startMs - 30 * dayMs - 1_000);
    const young = put('young', startMs - 30 * dayMs + 1_000);
    const swept = await new Promise((resolve) => createStore({ onSwept: resolve }));
    assert.equal(swept, 1);
    assert.deepEqual([existsSync(old), existsSync(young)], [false, true]);
  });

  it('and every day from then on; one whose meeting runs is kept', async () => {
    mock.timers.enable({ apis: ['setInterval'] });
    const path = put('young', startMs);
    let swept: (removed: number) => void = () => undefined;
    const next = (): Promise<number> =>
      new Promise((resolve) => {
        swept = resolve;
      });
    const atStart = next();
    const store = createStore({ onSwept: (removed) => swept(removed) });
    assert.equal(await atStart, 0);
    const running = store.open('running', incarnation(1));
    running.write('one');
    assert.ok(await running.flush());
    const runningPath = join(folder, nameOf('running', startMs, 1));
    utimesSync(runningPath, 1, 1);
    nowMs += 31 * dayMs;
    const dayLater = next();
    mock.timers.tick(dayMs);
    assert.equal(await dayLater, 1);
    assert.deepEqual([existsSync(path), existsSync(runningPath)], [false, true]);
  });
});

describe('a folder that fails', () => {
  it('is told once, the meeting goes on, and what waited is written when it works again', async () => {
    const store = await createRestingStore();
    const file = store.open('standup', incarnation(1));
    renameSync(folder, `${folder}-away`);
    file.write('one');
    assert.equal(await file.flush(), false);
    file.write('two');
    assert.equal(await file.flush(), false);
    assert.deepEqual(
      failures.map(({ code, message }) => [code, /cannot be written/.test(message)]),
      [['internal', true]],
    );
    renameSync(`${folder}-away`, folder);
    file.write('three');
    assert.equal(await readAll(store, 'standup'), 'one\ntwo\nthree\n');
    assert.equal(failures.length, 1);
  });

  it('a folder that cannot be swept is told, and nothing else happens', async () => {
    const store = await createRestingStore();
    renameSync(folder, `${folder}-away`);
    assert.equal(await store.sweep(), 0);
    assert.match(failures[0]?.message ?? '', /cannot be read/);
    renameSync(`${folder}-away`, folder);
  });

  it('nothing is written over or through what is there already', async () => {
    const store = createStore();
    const file = store.open('standup', incarnation(1));
    const path = join(folder, nameOf('standup', startMs, 1));
    symlinkSync(join(top, 'elsewhere'), path);
    file.write('one');
    assert.equal(await file.flush(), false);
    assert.equal(existsSync(join(top, 'elsewhere')), false);
    rmSync(path);
    writeFileSync(path, 'theirs\n');
    file.write('two');
    assert.equal(await file.flush(), false);
    appendFileSync(path, '');
    assert.equal(readFileSync(path, 'utf8'), 'theirs\n');
    rmSync(path);
    file.write('three');
    assert.equal(await file.flush(), true);
    assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\nthree\n');
  });
});
