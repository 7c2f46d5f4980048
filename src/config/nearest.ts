// The known name that a mistyped one most likely meant.

/** Levenshtein distance: insertions, deletions and replacements of one character. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
};

/** Longer names are not compared: nobody mistyped them. */
const longest = 128;

/** `null` where nothing is near: more than half of the name would have to change. */
export const nearest = (name: string, known: readonly string[]): string | null => {
  if (name.length > longest) return null;
  let best: { name: string; steps: number } | null = null;
  for (const candidate of known) {
    const steps = distance(name.toLowerCase(), candidate.toLowerCase());
    if (steps <= name.length / 2 && steps < (best?.steps ?? Infinity)) best = { name: candidate, steps };
  }
  return best?.name ?? null;
};
