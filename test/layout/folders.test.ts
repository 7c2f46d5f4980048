import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

const root = new URL('../../', import.meta.url).pathname;

const sources = globSync('src/**/*.{ts,tsx}', { cwd: root }).map((path) => ({
  path,
  text: readFileSync(`${root}${path}`, 'utf8'),
}));

const importsOf = (text: string): string[] =>
  [...text.matchAll(/(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+'([^']+)'|import\(\s*'([^']+)'\s*\)/g)].map(
    (match) => match[1] ?? match[2] ?? '',
  );

/** Comments may speak of clocks; code may not. */
const code = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');

/** The comment that a file begins with. */
const header = (text: string): string => /^(?:\/\/.*\n)*/.exec(text)?.[0] ?? '';

/** Folder → what its files may import: other folders of src, and packages. The order is that of the layout: each stands above what it imports. */
const may: Readonly<Record<string, { folders: readonly string[]; packages: readonly string[] }>> = {
  protocol: { folders: [], packages: ['zod'] },
  sframe: { folders: ['protocol'], packages: [] },
  keys: { folders: ['protocol'], packages: [] },
};
const pure = Object.keys(may);

const folderOf = (path: string): string => path.split('/')[1] ?? '';

describe('folders', () => {
  it('the sources are found', () => assert.ok(sources.length > 30));

  for (const folder of pure) {
    it(`src/${folder} imports nothing but what is below it: no Node, no timers, no I/O`, () => {
      const rule = may[folder];
      assert.ok(rule !== undefined);
      for (const { path, text } of sources.filter((source) => folderOf(source.path) === folder)) {
        for (const specifier of importsOf(text)) {
          if (!specifier.startsWith('.')) {
            assert.ok(rule.packages.includes(specifier), `${path} imports ${specifier}`);
            continue;
          }
          const target = folderOf(new URL(specifier, `file:///${path}`).pathname.slice(1));
          assert.ok(target === folder || rule.folders.includes(target), `${path} imports ${specifier}`);
        }
      }
    });

    it(`src/${folder} takes time, randomness and keys only from what it is handed`, () => {
      const forbidden =
        /\b(?:Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|performance\.|process\.|Buffer\b|globalThis|console\.|crypto\.(?:subtle|getRandomValues|randomUUID)|fetch\()/;
      for (const { path, text } of sources.filter((source) => folderOf(source.path) === folder)) {
        assert.doesNotMatch(code(text), forbidden, path);
      }
    });
  }

  it('neither the control process nor media import the vault: keys stay in the custodian', () => {
    const outside = new Set(['meeting', 'media', 'signaling', 'http', 'auth', 'observe', 'config', 'cli']);
    const reachable = new Set([
      'src/custodian/custodian.ts',
      'src/custodian/client.ts',
      'src/custodian/signingKey.ts',
    ]);
    for (const { path, text } of sources.filter((source) => outside.has(folderOf(source.path)))) {
      for (const specifier of importsOf(text).filter((one) => one.startsWith('.'))) {
        const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
        if (folderOf(target) === 'custodian')
          assert.ok(reachable.has(target), `${path} imports ${specifier}`);
        assert.ok(
          target !== 'src/keys/tree.ts' && target !== 'src/keys/member.ts',
          `${path} imports ${specifier}`,
        );
      }
    }
  });

  it('no source is longer than 400 lines without saying why', () => {
    for (const { path, text } of sources) {
      const lines = text.split('\n').length - 1;
      assert.ok(lines <= 400 || header(text).includes('400 lines'), `${path} has ${lines} lines`);
    }
  });
});
