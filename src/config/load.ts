// Reads the settings: default.yaml, then a file of one's own, then the environment, each over the one before. Whatever is
// wrong stops the start, all of it at once, each with its path, what was given and what is allowed.

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { z } from 'zod';
import { LatchkeyError } from '../protocol/errors.ts';
import { assertPrivate } from './secretFile.ts';
import { aboutLeaf } from './leaves.ts';
import { nearest } from './nearest.ts';
import { packageFolder } from './package.ts';
import { configSchema, settings } from './schema.ts';
import type { Config, Setting } from './schema.ts';

type Tree = { [key: string]: unknown };

export interface ConfigSources {
  /** A YAML file over the defaults; without it the one that LATCHKEY_CONFIG names, if any. */
  readonly file?: string | undefined;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Over everything else: what a program that embeds the server, a test say, sets itself. */
  readonly overrides?: Tree;
}

export const defaultFile = join(packageFolder, 'config', 'default.yaml');
/** Variables that are not settings: which file to read, and the set-up's choice of media worker. */
const otherVariables = ['LATCHKEY_CONFIG', 'LATCHKEY_WORKER'];
/** What the tests tell one another; servers that they start inherit it. */
const testPrefix = 'LATCHKEY_TEST_';
/** Characters of a wrong value that an error shows. */
const shownLength = 80;

const invalid = (problem: string, cause?: unknown): LatchkeyError =>
  new LatchkeyError('config_invalid', problem, { cause });

const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const readTree = (file: string): Tree => {
  let tree: unknown;
  try {
    // Aliases have no use in settings, and expand.
    tree =
      parse(readFileSync(file, 'utf8'), { maxAliasCount: 0, prettyErrors: true, uniqueKeys: true }) ?? {};
  } catch (cause) {
    // A YAML error quotes the lines around it, which may hold a secret: only its first line is shown.
    const reason = cause instanceof Error ? cause.message.split('\n', 1)[0] : 'unreadable';
    throw invalid(`${file}: ${reason}`);
  }
  if (!isTree(tree)) throw invalid(`${file}: a mapping of settings was expected`);
  return tree;
};

/** `over` on `under`, mappings merged, everything else replaced. Keys are own data only: `__proto__` is a name like others. */
const merge = (under: Tree, over: Tree): Tree => {
  const merged = new Map<string, unknown>(Object.entries(under));
  for (const [key, value] of Object.entries(over)) {
    const before = merged.get(key);
    // A section with nothing below it says nothing.
    if (isTree(before) && value === null) continue;
    merged.set(key, isTree(before) && isTree(value) ? merge(before, value) : value);
  }
  return Object.fromEntries(merged);
};

const lookUp = (tree: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (value, key) => (isTree(value) && Object.hasOwn(value, key) ? value[String(key)] : undefined),
    tree,
  );

const nest = (path: string, value: unknown): Tree =>
  path.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Tree;

/** The text of a variable as the setting takes it: as it is, else as YAML would read it, else as a list. */
const fromVariable = ({ schema }: Setting, text: string): unknown => {
  if (text === '') return null;
  if (schema.safeParse(text).success) return text;
  let scalar: unknown = text;
  try {
    scalar = parse(text, { maxAliasCount: 0 });
  } catch {
    scalar = text;
  }
  if (schema.safeParse(scalar).success) return scalar;
  const list = text.split(',').map((item) => item.trim());
  return schema.safeParse(list).success ? list : scalar;
};

const byVariable = new Map(settings.map((setting) => [setting.variable, setting]));
const byPath = new Map(settings.map((setting) => [setting.path, setting]));
/** Of settings and of the sections that hold them. */
const names = [...new Set(settings.flatMap(({ path }) => [path, path.slice(0, path.lastIndexOf('.'))]))];

const isOurs = (name: string): boolean =>
  name.startsWith('LATCHKEY_') && !name.startsWith(testPrefix) && !otherVariables.includes(name);

const readEnvironment = (environment: Readonly<Record<string, string | undefined>>): Tree => {
  let tree: Tree = {};
  const unknown: string[] = [];
  for (const [name, text] of Object.entries(environment)) {
    if (text === undefined || !isOurs(name)) continue;
    const setting = byVariable.get(name);
    if (setting === undefined) {
      const close = nearest(name, [...byVariable.keys(), ...otherVariables]);
      unknown.push(`${name}: sets nothing${close === null ? '' : `; the nearest is ${close}`}`);
    } else {
      tree = merge(tree, nest(setting.path, fromVariable(setting, text)));
    }
  }
  if (unknown.length > 0) throw invalid(unknown.join('\n'));
  return tree;
};

const show = (given: unknown): string => {
  if (given === undefined) return 'nothing';
  const text = JSON.stringify(given) ?? typeof given;
  return text.length > shownLength ? `${text.slice(0, shownLength)}…` : text;
};

const explainUnknown = (at: readonly PropertyKey[], keys: readonly string[]): string[] =>
  keys.map((key) => {
    const path = [...at, key].join('.');
    const close = nearest(path, names);
    return `${path}: there is no such setting${close === null ? '' : `; the nearest is ${close}`}`;
  });

/** The settings at or above the issue's path: an issue inside a list is about the list. */
const settingOf = (path: readonly PropertyKey[]): Setting | undefined =>
  path.length === 0 ? undefined : (byPath.get(path.join('.')) ?? settingOf(path.slice(0, -1)));

const explain = (issue: z.core.$ZodIssue, tree: Tree, environment: Tree): string[] => {
  if (issue.code === 'unrecognized_keys') return explainUnknown(issue.path, issue.keys);
  const setting = settingOf(issue.path);
  const path = setting?.path ?? issue.path.join('.');
  const { allowed, secret = false } =
    setting === undefined ? { allowed: 'a mapping of settings' } : aboutLeaf(setting.schema);
  const rule: unknown = issue.code === 'custom' ? issue.params?.['allowed'] : undefined;
  const keys = path.split('.');
  const given = lookUp(tree, keys);
  // A value that stands where a section should may be a secret that slipped a line.
  const shown = setting === undefined || isTree(given) || secret ? 'what was given' : show(given);
  const from =
    setting !== undefined && lookUp(environment, keys) !== undefined ? ` (from ${setting.variable})` : '';
  return [`${path}: ${shown} is not allowed${from}; allowed: ${typeof rule === 'string' ? rule : allowed}`];
};

const freeze = <T>(value: T): T => {
  if (isTree(value) && Object.getPrototypeOf(value) === Object.prototype) {
    for (const inner of Object.values(value)) freeze(inner);
    Object.freeze(value);
  }
  return value;
};

/** @throws LatchkeyError `config_invalid`, its message one line per problem; `file_too_open`. */
export const loadConfig = (sources: ConfigSources = {}): Config => {
  const { environment = {}, overrides = {} } = sources;
  const file = sources.file ?? (environment['LATCHKEY_CONFIG'] || undefined);
  const own = file === undefined ? {} : readTree(file);
  if (file !== undefined && lookUp(own, ['api', 'secret']) !== undefined) assertPrivate(file, statSync(file));
  const fromEnvironment = readEnvironment(environment);
  const tree = [own, fromEnvironment, overrides].reduce(merge, readTree(defaultFile));
  const parsed = configSchema.safeParse(tree);
  if (!parsed.success) {
    const problems = parsed.error.issues.flatMap((issue) => explain(issue, tree, fromEnvironment));
    throw invalid([...new Set(problems)].join('\n'));
  }
  return freeze(parsed.data);
};
