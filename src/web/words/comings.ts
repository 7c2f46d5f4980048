// Who came, went and raised a hand, in one sentence: for the eye and for the live region. Many at once are counted, not listed.

const most = 2;

const list = (names: readonly string[]): string => {
  if (names.length <= most) return names.join(' and ');
  return `${names.slice(0, most - 1).join(', ')} and ${names.length - most + 1} others`;
};

export interface Comings {
  readonly joined: readonly string[];
  readonly left: readonly string[];
  readonly raised: readonly string[];
  /** The epoch that began meanwhile, if one did. */
  readonly epoch: number | null;
}

export const sayComings = ({ joined, left, raised, epoch }: Comings): string => {
  const parts: string[] = [];
  if (joined.length > 0) parts.push(`${list(joined)} joined`);
  if (left.length > 0) parts.push(`${list(left)} left`);
  if (raised.length > 0) parts.push(`${list(raised)} raised a hand`);
  const people = parts.join(', ');
  if (epoch === null) return people;
  return people === '' ? `New key: epoch ${epoch}` : `${people} · new key: epoch ${epoch}`;
};
