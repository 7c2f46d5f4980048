// Which histories are tried. In CI always the same, so that a change is judged by what it changes; elsewhere others each time, which is how
// what is still wrong is found. LATCHKEY_TEST_SEED gives one by hand.

const inCi = 99_001;

export const historySeed = (): number => {
  const { CI, LATCHKEY_TEST_SEED } = process.env;
  if (LATCHKEY_TEST_SEED !== undefined) return Number(LATCHKEY_TEST_SEED);
  return CI === undefined ? Date.now() % 2 ** 31 : inCi;
};
