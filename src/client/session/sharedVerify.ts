// For many participants of one process, as load generators have: a rekey is the same bytes with the same signature for all of them,
// and Ed25519 is most of what it costs a participant (measured: 107 µs of some 170). One of them verifies, the others are told. In a
// meeting each participant is a machine of its own and verifies for itself.

import { equalBytes, toBase64Url } from '../../protocol/bytes.ts';
import { createVerify } from './nodeAgentCrypto.ts';

interface Verified {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
}

/** What was verified last: more than the rekeys of one moment. */
const kept = 64;

/** Hand the same one to all: `createNodeAgentCrypto(shared)`. Refusals are not kept. */
export const createSharedVerify = (): ReturnType<typeof createVerify> => {
  const verify = createVerify();
  /** By signature. */
  const verified = new Map<string, Verified>();
  return async (publicKey, message, signature) => {
    const name = toBase64Url(signature);
    const known = verified.get(name);
    if (known !== undefined && equalBytes(known.publicKey, publicKey) && equalBytes(known.message, message))
      return true;
    if (!(await verify(publicKey, message, signature))) return false;
    verified.set(name, { publicKey: publicKey.slice(), message: message.slice() });
    const [oldest] = verified.keys();
    if (oldest !== undefined && verified.size > kept) verified.delete(oldest);
    return true;
  };
};
