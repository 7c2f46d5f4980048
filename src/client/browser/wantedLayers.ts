// Which of a sender's encodings, smallest first, are of use to anybody.

/** `highest`: the highest spatial layer that anybody looks at; null: nobody looks. */
export const activeEncodings = (count: number, highest: number | null): boolean[] =>
  Array.from({ length: count }, (_, layer) => highest !== null && layer <= highest);
