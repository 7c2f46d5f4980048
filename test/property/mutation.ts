// Loads a file of src/keys with one of its lines changed, so that the tests can show that they would notice. Nothing in the sources knows of
// it: the change is made to the text on its way into Node, for one import and whatever that imports of the same folder.

import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';

export interface Mutant {
  /** The rule that is left out. */
  readonly without: string;
  /** Of src/keys. */
  readonly file: string;
  /** Stands in the file exactly once, so that a mutant cannot silently come to nothing. */
  readonly find: string;
  readonly replace: string;
}

const mutants = new Map<string, Mutant>();

const mutantOf = (url: string | undefined): string | null =>
  url === undefined ? null : (/\?mutant=(\d+)$/.exec(url)?.[1] ?? null);

const textOf = (source: unknown): string => {
  if (typeof source === 'string') return source;
  assert.ok(source instanceof Uint8Array);
  return new TextDecoder().decode(source);
};

registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    const id = mutantOf(context.parentURL);
    if (id === null || !/\/src\/keys\/\w+\.ts$/.test(resolved.url)) return resolved;
    return { ...resolved, url: `${resolved.url}?mutant=${id}` };
  },
  load(url, context, next) {
    const loaded = next(url, context);
    const mutant = mutants.get(mutantOf(url) ?? '');
    if (mutant === undefined || !url.includes(`/${mutant.file}?`)) return loaded;
    const text = textOf(loaded.source);
    assert.equal(text.split(mutant.find).length, 2, `"${mutant.find}" stands once in ${mutant.file}`);
    return { ...loaded, source: text.replace(mutant.find, () => mutant.replace) };
  },
});

/** What an import of one of the folder's files is to end with. */
export const mutated = (mutant: Mutant): string => {
  const id = String(mutants.size);
  mutants.set(id, mutant);
  return `?mutant=${id}`;
};
