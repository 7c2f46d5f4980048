// All that stands in a process' locked memory and could be a key: the slab's pages, and the areas in which keys exist during one call. Needs
// the right to trace the process, as root has.

import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

const keyBytes = 32;
/** Where keys begin: libsodium aligns what it gives at its end, and all our areas are multiples of 16 bytes long. */
const alignment = 16;
/** Of the 32 bytes of a random key, so few are different once in 10¹² keys. */
const leastDifferent = 20;

const lockedMappings = (pid: number): { from: number; to: number }[] =>
  readFileSync(`/proc/${pid}/smaps`, 'utf8')
    .split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/)
    .filter((mapping) => /^VmFlags:.* lo( |$)/m.test(mapping))
    .map((mapping) => {
      const [from = '', to = ''] = (mapping.split(' ', 1)[0] ?? '').split('-');
      return { from: Number.parseInt(from, 16), to: Number.parseInt(to, 16) };
    });

/** 32 bytes each, wherever one could begin; what a random key never looks like is left out. */
export const lockedCandidates = (pid: number): Uint8Array[] => {
  const candidates = new Map<string, Uint8Array>();
  const file = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const { from, to } of lockedMappings(pid)) {
      const memory = Buffer.alloc(to - from);
      readSync(file, memory, 0, memory.length, from);
      for (let at = 0; at + keyBytes <= memory.length; at += alignment) {
        const bytes = memory.subarray(at, at + keyBytes);
        if (new Set(bytes).size >= leastDifferent)
          candidates.set(bytes.toString('latin1'), new Uint8Array(bytes));
      }
    }
  } finally {
    closeSync(file);
  }
  return [...candidates.values()];
};
