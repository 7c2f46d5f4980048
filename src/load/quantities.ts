// Numbers with their units, as somebody types them: `60s`, `100/s`, `1%`.

const number = String.raw`(\d+(?:\.\d+)?)`;

const durationPattern = new RegExp(`^${number}(ms|s|m|h)$`);
const ratePattern = new RegExp(`^${number}(?:/(s|m))?$`);
const sharePattern = new RegExp(`^${number}(%?)$`);

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** A day: JavaScript's timers reach 24 of them. */
const longestMs = 86_400_000;

/** Milliseconds. @throws RangeError saying what was expected, as the others do. */
export const parseDuration = (text: string): number => {
  const [, value, unit = ''] = durationPattern.exec(text) ?? [];
  const ms = Number(value) * (unitMs[unit] ?? Number.NaN);
  if (ms > 0 && ms <= longestMs) return ms;
  throw new RangeError('a time with its unit was expected, as 60s, 500ms or 2m, and at most 24h.');
};

/** A second. */
export const parseRate = (text: string): number => {
  const [, value, unit = 's'] = ratePattern.exec(text) ?? [];
  const rate = Number(value) / (unit === 'm' ? 60 : 1);
  if (Number.isFinite(rate)) return rate;
  throw new RangeError('so many a second or minute were expected, as 100/s or 30/m.');
};

/** 0 … 1. */
export const parseShare = (text: string): number => {
  const [, value, percent] = sharePattern.exec(text) ?? [];
  const share = Number(value) / (percent === '%' ? 100 : 1);
  if (share <= 1) return share;
  throw new RangeError('a share was expected, as 10% or 0.1.');
};

export const parseWholeNumber =
  (low: number, high: number) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= low && value <= high) return value;
    throw new RangeError(`a whole number from ${low} to ${high} was expected.`);
  };
