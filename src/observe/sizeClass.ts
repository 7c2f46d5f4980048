// Meetings by size, in classes that stay a handful however many meetings there are.

/** Each class: from how many participants on. */
const classes = [
  [1_000, '1000+'],
  [500, '500-999'],
  [200, '200-499'],
  [50, '50-199'],
  [10, '10-49'],
  [1, '1-9'],
] as const;

export type SizeClass = (typeof classes)[number][1];

/** From the smallest on. */
export const sizeClasses: readonly SizeClass[] = classes.map(([, name]) => name).toReversed();

/** Null: nobody is there. */
export const sizeClassOf = (participants: number): SizeClass | null =>
  classes.find(([from]) => participants >= from)?.[1] ?? null;
