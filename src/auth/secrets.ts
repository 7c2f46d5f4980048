// The secrets that HTTP, tokens and TURN rest on: where they come from, and the files that keep them.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { shortestSecret } from '../config/leaves.ts';
import { ensureSecretFile, readSecretFile } from '../config/secretFile.ts';
import { Secret } from '../observe/secret.ts';
import { fromBase64Url, toBase64Url } from '../protocol/bytes.ts';
import { LatchkeyError } from '../protocol/errors.ts';
import { tokenKeyBytes } from './tokens.ts';

export const apiSecretFile = 'api-secret';
export const tokenKeyFile = 'token-key';

const randomText = (): string => toBase64Url(randomBytes(32));

/** A secret that is given, or in a file. */
export interface ApiSettings {
  readonly secret: Secret | undefined;
  readonly secretFile: string | undefined;
}

/** `created`: made just now, and to be shown to the operator this once. */
export const ensureApiSecret = (
  api: ApiSettings,
  dataFolder: string,
): { secret: Secret; created: boolean } => {
  if (api.secret !== undefined) return { secret: api.secret, created: false };
  const file = api.secretFile ?? join(dataFolder, apiSecretFile);
  const found =
    api.secretFile === undefined
      ? ensureSecretFile(file, randomText)
      : { secret: readSecretFile(file), created: false };
  if (found.secret.reveal().length < shortestSecret) {
    throw new LatchkeyError(
      'config_invalid',
      `${file}: the API secret has fewer than ${shortestSecret} characters`,
    );
  }
  return found;
};

/** Null where there is none. */
export const readTurnSecret = ({ secret, secretFile }: ApiSettings): Secret | null =>
  secret ?? (secretFile === undefined ? null : readSecretFile(secretFile));

export const ensureTokenKey = (dataFolder: string): Secret => {
  const file = join(dataFolder, tokenKeyFile);
  const text = ensureSecretFile(file, randomText).secret;
  const bytes = fromBase64Url(text.revealText());
  text.wipe();
  if (bytes?.length !== tokenKeyBytes) {
    throw new LatchkeyError(
      'config_invalid',
      `${file}: not a token key; remove it and every token issued is void`,
    );
  }
  return new Secret(bytes);
};
