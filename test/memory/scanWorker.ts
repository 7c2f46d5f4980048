// Looks through all memory of a process (proc(5), mem) for secrets in any form in which they might stand there: raw, hex, base64 and
// base64url at each of the three places of a group. Needs the right to trace the process, as root has. V8's heap snapshots
// leave out what Buffers hold; this does not.

import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

export interface Needle {
  /** What it is, for the report: never the secret itself. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface Scan {
  readonly found: string[];
  readonly scannedBytes: number;
}

/** Bytes read at once. */
const chunkBytes = 8 * 1_024 * 1_024;

/** What base64 of a longer text that holds these bytes has in common, wherever they stand in it. */
const base64Forms = (bytes: Buffer, encoding: 'base64' | 'base64url'): string[] =>
  [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString(encoding)
      .replace(/=+$/, '');
    // The letters at both ends depend on the neighbours.
    return text.slice(offset === 0 ? 0 : offset + 1, Math.floor(((offset + bytes.length) * 8) / 6) - 1);
  });

const formsOf = (bytes: Buffer): { form: string; pattern: Buffer }[] => [
  { form: 'raw', pattern: bytes },
  { form: 'hex', pattern: Buffer.from(bytes.toString('hex')) },
  { form: 'HEX', pattern: Buffer.from(bytes.toString('hex').toUpperCase()) },
  ...base64Forms(bytes, 'base64').map((text) => ({ form: 'base64', pattern: Buffer.from(text) })),
  ...base64Forms(bytes, 'base64url').map((text) => ({ form: 'base64url', pattern: Buffer.from(text) })),
];

interface Pattern {
  readonly found: string;
  readonly bytes: Buffer;
}

/** Patterns by their first two bytes: a table that stays in the processor's cache says whether any begins there. */
class Patterns {
  readonly #starts = new Uint8Array(2 ** 16);
  readonly #byStart = new Map<number, Pattern[]>();
  readonly longest: number;

  constructor(needles: readonly Needle[]) {
    let longest = 0;
    for (const { name, bytes } of needles) {
      for (const { form, pattern } of formsOf(Buffer.from(bytes))) {
        const start = pattern.readUInt16BE(0);
        this.#starts[start] = 1;
        const same = this.#byStart.get(start) ?? [];
        same.push({ found: `${name} (${form})`, bytes: pattern });
        this.#byStart.set(start, same);
        longest = Math.max(longest, pattern.length);
      }
    }
    this.longest = longest;
  }

  search(memory: Buffer, found: Set<string>): void {
    const starts = this.#starts;
    let start = memory[0] ?? 0;
    for (let at = 1; at < memory.length; at++) {
      start = ((start << 8) | (memory[at] as number)) & 0xffff;
      if (starts[start] === 1) this.#compare(memory, at - 1, start, found);
    }
  }

  #compare(memory: Buffer, at: number, start: number, found: Set<string>): void {
    for (const { found: what, bytes } of this.#byStart.get(start) ?? []) {
      // The third byte sorts out nearly all that began alike.
      if (memory[at + 2] !== bytes[2] || at + bytes.length > memory.length) continue;
      if (memory.compare(bytes, 0, bytes.length, at, at + bytes.length) === 0) found.add(what);
    }
  }
}

/** Mappings with any page in memory (proc(5), smaps), those without access rights (sodium's) too; not the kernel's. Nothing is swapped here. */
const mappingsOf = (pid: number): { from: number; to: number }[] =>
  readFileSync(`/proc/${pid}/smaps`, 'utf8')
    .split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/)
    .filter(
      (mapping) => !/\[(?:vvar|vsyscall|vdso|vvar_vclock)\]/.test(mapping) && !/^Rss: +0 kB$/m.test(mapping),
    )
    .map((mapping) => {
      const [from = '', to = ''] = (mapping.split(' ', 1)[0] ?? '').split('-');
      return { from: Number.parseInt(from, 16), to: Number.parseInt(to, 16) };
    });

/** Pages that cannot be read (guards) end what is read of a mapping. */
const readAt = (memory: number, buffer: Buffer, position: number): number => {
  try {
    return readSync(memory, buffer, 0, buffer.length, position);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EIO') return 0;
    throw thrown;
  }
};

/** The names of those needles that stand in the process' memory, with the form; and how much was looked through. */
const scan = (pid: number, needles: readonly Needle[]): Scan => {
  const patterns = new Patterns(needles);
  const found = new Set<string>();
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  let scannedBytes = 0;
  try {
    for (const { from, to } of mappingsOf(pid)) {
      for (let position = from; position < to;) {
        // What stands across two chunks is read with the second once more.
        const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, to - position));
        const read = readAt(memory, buffer, position);
        if (read === 0) break;
        scannedBytes += read;
        patterns.search(buffer.subarray(0, read), found);
        if (position + read >= to || read <= patterns.longest) break;
        position += read - patterns.longest;
      }
    }
  } finally {
    closeSync(memory);
  }
  return { found: [...found].sort(), scannedBytes };
};

const { pid, needles } = workerData as { pid: number; needles: Needle[] };
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has none
parentPort?.postMessage(scan(pid, needles));
