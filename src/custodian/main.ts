// The custodian's process: the only one that ever holds a session key. It has one channel, to the control process that started
// it, and neither network, files to write, children nor an inspector (launch.ts starts it so). It ends with its channel.

import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { LatchkeyError, toLatchkeyError } from '../protocol/errors.ts';
import { custodianMessages, isCustodianMethod, request } from './messages.ts';
import type { CustodianAnswer, CustodianAsk, CustodianMethod, Response } from './messages.ts';
import { leaveRoot } from './ownUser.ts';
import { Randomness } from './randomness.ts';
import { Slab } from './slab.ts';
import { SlabKeys } from './slabKeys.ts';
import { Vault } from './vault.ts';

process.title = 'latchkey-custodian';

/** Bytes of this process that cannot be swapped out (proc(5), VmLck). */
const lockedNow = (): number =>
  Number(/^VmLck:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) * 1_024;

const tell = (message: Response, then: () => void = () => undefined): void => {
  process.send?.(message, undefined, undefined, (error) => {
    if (error === null) then();
    else process.exit(1);
  });
};

/** @throws LatchkeyError `config_invalid` */
const readSigningKey = (file: string): KeyObject => {
  const pem = readFileSync(file);
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // OpenSSL's own words might repeat what it read.
    throw new LatchkeyError('config_invalid', `${file}: not a private key in PEM`);
  } finally {
    pem.fill(0);
  }
  throw new LatchkeyError('config_invalid', `${file}: not an Ed25519 key`);
};

const rawPublicKey = (signingKey: KeyObject): Uint8Array => {
  const { x = '' } = createPublicKey(signingKey).export({ format: 'jwk' });
  return new Uint8Array(Buffer.from(x, 'base64url'));
};

type Table = {
  readonly [M in CustodianMethod]: (ask: CustodianAsk<M>) => CustodianAnswer<M>;
};

const tableOf = (vault: Vault, keys: SlabKeys, slab: Slab): Table => ({
  openMeeting: (ask) => vault.openMeeting(ask),
  admit: (ask) => vault.admit(ask),
  rekey: (ask) => vault.rekey(ask),
  signTransport: (ask) => vault.signTransport(ask),
  withdraw: (ask) => vault.withdraw(ask),
  verifyResume: (ask) => vault.verifyResume(ask),
  closeMeeting: (ask) => vault.closeMeeting(ask),
  statistics: () => ({
    ...vault.counts,
    slotsUsed: slab.used,
    slotsTotal: slab.total,
    slotsMapped: slab.mapped,
    lockedBytes: slab.bytesLocked,
    mints: keys.mints,
    seals: keys.seals,
  }),
});

const answer = (table: Table, method: string, data: unknown): unknown => {
  if (!isCustodianMethod(method)) throw new LatchkeyError('unknown_method');
  const parsed = custodianMessages[method].ask.safeParse(data);
  if (!parsed.success) throw new LatchkeyError('malformed', parsed.error.issues[0]?.path.join('.') ?? method);
  const handle = table[method] as (ask: unknown) => unknown;
  return handle(parsed.data);
};

/** Only our own sentences: what a library says might repeat what it was given. */
const failure = (id: number | null, thrown: unknown): Response => {
  const { code, message } = toLatchkeyError(thrown);
  return { id, ok: false, error: { code, message } };
};

const handle = (table: Table, message: unknown): void => {
  const parsed = request.safeParse(message);
  if (!parsed.success) {
    tell(failure(null, new LatchkeyError('malformed', 'not a request')));
    return;
  }
  const { id, method, data } = parsed.data;
  try {
    tell({ id, ok: true, data: answer(table, method, data) });
  } catch (thrown) {
    tell(failure(id, thrown));
  }
};

const start = (signingKeyFile: string, slots: number): Response => {
  const signingKey = readSigningKey(signingKeyFile);
  const randomness = new Randomness();
  const slab = new Slab(slots, { lockedNow });
  const keys = new SlabKeys(slab, randomness);
  const vault = new Vault({ keys, randomness, signingKey });
  slab.onPage = () =>
    tell({ notice: 'slabGrew', lockedBytes: slab.bytesLocked, slabBytes: slab.bytesMapped });
  const table = tableOf(vault, keys, slab);
  process.on('message', (message) => handle(table, message));
  process.on('disconnect', () => {
    vault.close();
    process.exit(0);
  });
  // The control process decides when to end: a terminal's Ctrl-C goes to both.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  return {
    ready: true,
    publicKey: rawPublicKey(signingKey),
    user: leaveRoot(),
    lockedBytes: slab.bytesLocked,
    slabBytes: slab.bytesMapped,
  };
};

const [, , signingKeyFile = '', slots = ''] = process.argv;
try {
  tell(start(signingKeyFile, Number(slots)));
} catch (thrown) {
  tell(failure(null, thrown), () => process.exit(1));
}
