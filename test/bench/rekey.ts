import type { Bench } from './bench.ts';
export const rekey: Bench = { name: 'rekey', run: async () => [] };
