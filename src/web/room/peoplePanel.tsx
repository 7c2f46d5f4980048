// Everybody, in groups: who asks to speak, who may, who listens; who speaks and who is muted. Of a thousand, only so many rows are drawn
// as somebody asked to see.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { Props } from '../app.tsx';
import { groups, rosterOf } from '../state/roster.ts';
import type { Group } from '../state/roster.ts';
import type { Person } from '../state/state.ts';
import { groupWords } from '../words/stageWords.ts';
import { HostSection } from './hostSection.tsx';
import { PanelFrame } from './panel.tsx';
import { PersonRow } from './personRow.tsx';

/** Rows of a group at first, and more with each click. */
const rowsAtOnce = 50;
/** From more people on, there is a field to search in. */
const searchFrom = 20;

interface GroupProps {
  readonly group: Group;
  readonly people: readonly Person[];
}

const GroupList = (props: Props & GroupProps): JSX.Element | null => {
  const { state, group, people } = props;
  const [shown, setShown] = useState(rowsAtOnce);
  if (people.length === 0) return null;
  const rest = people.length - shown;
  return (
    <section aria-labelledby={`group-${group}`}>
      <h3 id={`group-${group}`}>
        {groupWords(state.kind)[group]} <span class="count">{people.length}</span>
      </h3>
      <ul class="people" aria-labelledby={`group-${group}`}>
        {people.slice(0, shown).map((person) => (
          <PersonRow key={person.id} {...props} person={person} />
        ))}
      </ul>
      {rest > 0 && (
        <button type="button" class="button small quiet wide" onClick={() => setShown(shown + rowsAtOnce)}>
          Show {Math.min(rest, rowsAtOnce)} more of {rest}
        </button>
      )}
    </section>
  );
};

const Search = ({ query, onQuery }: { query: string; onQuery: (query: string) => void }): JSX.Element => (
  <div class="field">
    <label for="search-people">Find somebody</label>
    <input
      id="search-people"
      type="search"
      value={query}
      autocomplete="off"
      spellcheck={false}
      onInput={({ currentTarget }) => onQuery(currentTarget.value)}
    />
  </div>
);

export const PeoplePanel = (props: Props): JSX.Element => {
  const { state, store } = props;
  const [query, setQuery] = useState('');
  const searched = state.people.length > searchFrom ? query : '';
  const roster = useMemo(() => rosterOf(state.people, searched), [state.people, searched]);
  const nobody = groups.every((group) => roster[group].length === 0);
  return (
    <PanelFrame panel="people" title={`People: ${state.people.length}`} store={store} open>
      {state.role === 'host' && <HostSection {...props} />}
      {state.people.length > searchFrom && <Search query={query} onQuery={setQuery} />}
      {nobody && <p role="status">Nobody here has such a name.</p>}
      {groups.map((group) => (
        <GroupList key={group} {...props} group={group} people={roster[group]} />
      ))}
    </PanelFrame>
  );
};
