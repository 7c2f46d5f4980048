import type { Bench } from './bench.ts';
export const keying: Bench = { name: 'keying', run: async () => [] };
