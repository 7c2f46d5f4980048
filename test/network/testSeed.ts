// The seed of this run.

/** Of this run, and printed by whoever uses it: a failure can be had again. */
export const testSeed = Number(process.env['LATCHKEY_TEST_SEED'] ?? Date.now() % 2 ** 31);
