import type { Bench } from './bench.ts';
export const exposure: Bench = { name: 'exposure', run: async () => [] };
