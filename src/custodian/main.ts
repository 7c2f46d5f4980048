// The custodian's process: the only one that ever holds a session key. It has one channel, to the control process that started
// it, and neither network, files to write, children nor an inspector (client.ts starts it so). It ends with its channel.

import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { LatchkeyError, toLatchkeyError } from '../protocol/errors.ts';
import { custodianMessages, isCustodianMethod, request } from './messages.ts';
import type { CustodianAnswer, CustodianAsk, CustodianMethod, Response } from './messages.ts';
import { Slab } from './slab.ts';
import { SlabKeys } from './slabKeys.ts';
import { Vault } from './vault.ts';

process.title = 'latchkey-custodian';

const [, , signingKeyFile = '', slots = ''] = process.argv;

/** Bytes of this process that cannot be swapped out (proc(5), VmLck). */
const lockedBytes = (): number =>
  Number(/^VmLck:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) * 1_024;

const tell = (message: Response): void => {
  process.send?.(message, undefined, undefined, (error) => {
    if (error !== null) process.exit(1);
  });
};

const signingKey = createPrivateKey(readFileSync(signingKeyFile));
const { x = '' } = createPublicKey(signingKey).export({ format: 'jwk' });
const slab = new Slab(Number(slots));
const keys = new SlabKeys(slab);
const vault = new Vault(keys, signingKey);

type Table = {
  readonly [M in CustodianMethod]: (ask: CustodianAsk<M>) => CustodianAnswer<M>;
};

const table: Table = {
  openMeeting: (ask) => vault.openMeeting(ask),
  admit: (ask) => vault.admit(ask),
  rekey: (ask) => vault.rekey(ask),
  signTransport: (ask) => vault.signTransport(ask),
  closeMeeting: (ask) => vault.closeMeeting(ask),
  statistics: () => ({
    ...vault.counts,
    slotsUsed: slab.used,
    slotsTotal: slab.total,
    lockedBytes: lockedBytes(),
    mints: keys.mints,
    seals: keys.seals,
  }),
};

const answer = (method: string, data: unknown): unknown => {
  if (!isCustodianMethod(method)) throw new LatchkeyError('unknown_method');
  const parsed = custodianMessages[method].ask.safeParse(data);
  if (!parsed.success) throw new LatchkeyError('malformed', parsed.error.issues[0]?.path.join('.') ?? method);
  const handle = table[method] as (ask: unknown) => unknown;
  return handle(parsed.data);
};

const handle = (message: unknown): void => {
  const parsed = request.safeParse(message);
  if (!parsed.success) {
    tell({ id: null, ok: false, error: { code: 'malformed', message: 'not a request' } });
    return;
  }
  const { id, method, data } = parsed.data;
  try {
    tell({ id, ok: true, data: answer(method, data) });
  } catch (thrown) {
    // Only our own sentences: what a library says might repeat what it was given.
    const { code, message: text } = toLatchkeyError(thrown);
    tell({ id, ok: false, error: { code, message: text } });
  }
};

process.on('message', handle);
process.on('disconnect', () => {
  vault.close();
  process.exit(0);
});
// The control process decides when to end: a terminal's Ctrl-C goes to both.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

tell({
  ready: true,
  publicKey: new Uint8Array(Buffer.from(x, 'base64url')),
  lockedBytes: lockedBytes(),
  slabBytes: slab.total * 32,
});
