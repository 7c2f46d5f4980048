// Who stands in the list of people, in groups: raised hands in their order, hosts, who is on the stage, the audience. Pure, and quick for
// thousands: each is looked at once.

import { mayProduce } from '../../protocol/names.ts';
import type { Person } from './state.ts';

export const groups = ['raised', 'hosts', 'stage', 'audience'] as const;
export type Group = (typeof groups)[number];

export type Roster = Readonly<Record<Group, readonly Person[]>>;

const groupOf = ({ hand, role }: Person): Group => {
  if (hand !== null) return 'raised';
  if (role === 'host') return 'hosts';
  return role === 'presenter' ? 'stage' : 'audience';
};

/** Case and accents of what was typed do not matter; nor do those of names. */
const plain = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

export const rosterOf = (people: readonly Person[], query: string): Roster => {
  const roster: Record<Group, Person[]> = { raised: [], hosts: [], stage: [], audience: [] };
  const wanted = plain(query.trim());
  for (const person of people) {
    if (wanted === '' || plain(person.name).includes(wanted)) roster[groupOf(person)].push(person);
  }
  roster.raised.sort((a, b) => (a.hand ?? 0) - (b.hand ?? 0));
  return roster;
};

export const countPeople = (people: readonly Person[]): { onStage: number; watching: number } => {
  let onStage = 0;
  for (const { role } of people) if (mayProduce(role)) onStage++;
  return { onStage, watching: people.length - onStage };
};

/** What a host may do with somebody. */
export const hostActions = ['toStage', 'toAudience', 'makeHost', 'mute', 'stopShare', 'remove'] as const;
export type HostAction = (typeof hostActions)[number];

export const actionsFor = ({ role, sending }: Person): HostAction[] => {
  const sends = (source: string): boolean => sending.some((sent) => sent.source === source && !sent.muted);
  const may: Record<HostAction, boolean> = {
    toStage: role === 'viewer',
    toAudience: role !== 'viewer',
    makeHost: role !== 'host',
    mute: sends('microphone'),
    stopShare: sending.some(({ source }) => source === 'screen' || source === 'screenAudio'),
    remove: true,
  };
  return hostActions.filter((action) => may[action]);
};
