// Whether the DTLS fingerprints that came with a transport are the server's own: signed for this incarnation, participant and
// transport, and of hashes that nobody can forge (RFC 8122 §5 names them).

import { fromBase64Url } from '../../protocol/bytes.ts';
import { LatchkeyError } from '../../protocol/errors.ts';
import type { Answer, Transport } from '../../protocol/signaling.ts';
import type { KeyAgent } from './keyAgent.ts';

const strongHashes: ReadonlySet<string> = new Set(['sha-256', 'sha-384', 'sha-512']);

export const isStrongHash = (algorithm: string): boolean => strongHashes.has(algorithm.toLowerCase());

const verify = async (agent: KeyAgent, participant: string, transport: Transport): Promise<void> => {
  const { fingerprints } = transport.dtlsParameters;
  if (!fingerprints.every(({ algorithm }) => isStrongHash(algorithm)))
    throw new LatchkeyError('weak_fingerprint');
  const signature = fromBase64Url(transport.signature);
  if (signature === null) throw new LatchkeyError('malformed');
  await agent.verifyTransport({ participant, transport: transport.id, fingerprints, signature });
};

/** @throws LatchkeyError `weak_fingerprint`, `key_message_forged`. */
export const verifyTransports = async (
  agent: KeyAgent,
  participant: string,
  { send, receive }: Answer<'openMedia'>,
): Promise<void> => {
  if (send !== null) await verify(agent, participant, send);
  await verify(agent, participant, receive);
};
