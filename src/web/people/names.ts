// A typed name as the server takes it: no spaces around it, no control characters, none that turn the writing's direction.

import { limits } from '../../protocol/timers.ts';

const unwanted = /[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/gu;

export const cleanName = (typed: string): string =>
  typed.toWellFormed().replace(unwanted, '').trim().slice(0, limits.nameLength).toWellFormed().trim();

/** For a tile without a picture. */
export const initialsOf = (name: string): string => {
  const words = name.split(/\s+/u).filter((word) => word !== '');
  const [first, last] = [words[0], words.length > 1 ? words.at(-1) : undefined];
  return [first, last]
    .map((word) => (word === undefined ? '' : (/^\p{L}|^./u.exec(word)?.[0] ?? '')))
    .join('')
    .toUpperCase();
};

/** How many colours an avatar may have: style/tiles.css names them. */
export const hues = 6;

/** Always the same for one name. */
export const hueOf = (name: string): number => {
  let sum = 0;
  for (const char of name) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 65_521;
  return sum % hues;
};
