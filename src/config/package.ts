// Where the package lies and which version it is, from its package.json: found by walking up, so that it holds for the
// sources in a clone and for what is built from them.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';

const packageFile = z.object({ name: z.literal('latchkey'), version: z.string() });

const readPackage = (folder: string): { folder: string; version: string } => {
  let text: string | null = null;
  try {
    text = readFileSync(join(folder, 'package.json'), 'utf8');
  } catch (cause) {
    if (folder === dirname(folder)) throw new Error('no package.json of latchkey above this file', { cause });
  }
  const parsed = text === null ? null : packageFile.safeParse(JSON.parse(text));
  return parsed?.success === true ? { folder, version: parsed.data.version } : readPackage(dirname(folder));
};

const found = readPackage(import.meta.dirname);

export const packageFolder = found.folder;
export const packageVersion = found.version;
