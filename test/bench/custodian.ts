import type { Bench } from './bench.ts';
export const custodian: Bench = { name: 'custodian', run: async () => [] };
