// A disk that does what disks do: takes a part, refuses, is slow. It is the file's owner who decides which, and when.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LedgerFile } from '../../src/meeting/ledgerFile.ts';

class Disk {
  content = '';
  /** Bytes that it still takes; then it is full. */
  room = Infinity;
  /** Bytes that it takes at a time. */
  most = Infinity;
  writes = 0;
  closed = false;
  readonly failures: string[] = [];
  ended = false;
  /** Writes wait for it. */
  gate: Promise<void> = Promise.resolve();

  open(maxWaitingBytes = 1_000): LedgerFile {
    return new LedgerFile({
      path: 'ledger',
      maxWaitingBytes,
      onFailed: ({ message }) => void this.failures.push(message),
      onClosed: () => {
        this.ended = true;
      },
      create: async () => ({
        write: async (bytes) => {
          await this.gate;
          this.writes++;
          if (this.room === 0) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
          const taken = Buffer.from(bytes).subarray(0, Math.min(this.most, this.room));
          this.room -= taken.length;
          this.content += taken.toString('latin1');
          return { bytesWritten: taken.length };
        },
        close: async () => {
          this.closed = true;
        },
      }),
    });
  }
}

describe("a ledger's file", () => {
  it('has the lines in their order, those that came together by one write', async () => {
    const disk = new Disk();
    const file = disk.open();
    for (const line of ['a', 'b', 'c']) file.write(line);
    assert.equal(await file.flush(), true);
    assert.deepEqual([disk.content, disk.writes], ['a\nb\nc\n', 1]);
    file.write('d');
    file.close();
    file.write('after the end');
    await file.flush();
    assert.deepEqual([disk.content, disk.closed, disk.ended], ['a\nb\nc\nd\n', true, true]);
  });

  it('whatever part of them the disk takes at a time', async () => {
    const disk = new Disk();
    disk.most = 3;
    const file = disk.open();
    file.write('abcdefgh');
    file.write('ijk');
    assert.equal(await file.flush(), true);
    assert.equal(disk.content, 'abcdefgh\nijk\n');
  });

  it('lines that come while others are written are written next', async () => {
    const disk = new Disk();
    const file = disk.open();
    let release: () => void = () => undefined;
    disk.gate = new Promise((resolve) => {
      release = resolve;
    });
    file.write('a');
    await new Promise(setImmediate);
    file.write('b');
    file.write('c');
    release();
    assert.equal(await file.flush(), true);
    assert.deepEqual([disk.content, disk.writes], ['a\nb\nc\n', 2]);
  });

  it('a full disk is told once; when there is room it goes on at the byte where it failed', async () => {
    const disk = new Disk();
    disk.room = 7;
    const file = disk.open();
    file.write('abcde');
    file.write('fghij');
    assert.equal(await file.flush(), false);
    file.write('klm');
    assert.equal(await file.flush(), false);
    assert.equal(disk.content, 'abcde\nf');
    assert.deepEqual(disk.failures, ['ledger: cannot be written; it is tried again with the next line']);
    disk.room = Infinity;
    file.write('nop');
    assert.equal(await file.flush(), true);
    assert.equal(disk.content, 'abcde\nfghij\nklm\nnop\n');
    disk.room = 0;
    file.write('qrs');
    assert.equal(await file.flush(), false);
    assert.equal(disk.failures.length, 2, 'another failure is told again');
  });

  it('what waits is bounded: beyond it the rest of the ledger is given up, and no line stands after one that is missing', async () => {
    const disk = new Disk();
    disk.room = 4;
    const file = disk.open(20);
    file.write('abc');
    assert.equal(await file.flush(), true);
    for (let i = 0; i < 10; i++) file.write('defg');
    assert.match(
      disk.failures.at(-1) ?? '',
      /25 bytes could not be written: the rest of this ledger is lost/,
    );
    disk.room = Infinity;
    file.write('hij');
    assert.equal(await file.flush(), false);
    file.close();
    await file.flush();
    assert.deepEqual([disk.content, disk.closed, disk.ended], ['abc\n', true, true]);
  });

  it('given up in the middle of a write, it stays given up', async () => {
    const disk = new Disk();
    const file = disk.open(10);
    let release: () => void = () => undefined;
    disk.gate = new Promise((resolve) => {
      release = resolve;
    });
    file.write('abc');
    await new Promise(setImmediate);
    file.write('defghijk');
    release();
    assert.equal(await file.flush(), false);
    file.close();
    await file.flush();
    assert.deepEqual([disk.content, disk.failures.length, disk.ended], ['abc\n', 1, true]);
  });

  it('closed while the disk fails, it says what is lost and ends', async () => {
    const disk = new Disk();
    disk.room = 0;
    const file = disk.open();
    file.write('abc');
    file.close();
    assert.equal(await file.flush(), false);
    assert.deepEqual(disk.failures, [
      'ledger: cannot be written; it is tried again with the next line',
      'ledger: 4 bytes could not be written: the rest of this ledger is lost',
    ]);
    assert.ok(disk.ended && disk.closed);
  });

  it('closed without a line, it was never there', async () => {
    const disk = new Disk();
    const file = disk.open();
    file.close();
    assert.equal(await file.flush(), true);
    assert.deepEqual([disk.closed, disk.ended], [false, true]);
  });
});
