// The published and our own figures, each file checked against the hash that it names.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

export interface RfcVectors {
  header: { kid: string; ctr: string; encoded: string }[];
  sframe: {
    cipher_suite: number;
    kid: string;
    ctr: string;
    base_key: string;
    sframe_key_label: string;
    sframe_salt_label: string;
    sframe_secret: string;
    sframe_key: string;
    sframe_salt: string;
    metadata: string;
    nonce: string;
    aad: string;
    pt: string;
    ct: string;
  }[];
}

export interface LatchkeyVectors {
  sessionKey: string;
  incarnation: string;
  epochs: {
    epoch: number;
    baseKeyInfo: string;
    fingerprintInfo: string;
    baseKey: string;
    fingerprint: string;
  }[];
  frames: {
    codec: 'opus' | 'vp8';
    epoch: number;
    lease: number;
    stream: number;
    counter: number;
    plain: string;
    sealed: string;
  }[];
}

/** `figuresSha256` covers the figures as compact JSON in the file's order. */
const load = (name: string): unknown => {
  const text = readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8');
  const { origin, originalSha256, figuresSha256, ...figures } = JSON.parse(text) as Record<string, unknown>;
  const actual = createHash('sha256').update(JSON.stringify(figures)).digest('hex');
  if (actual !== figuresSha256) throw new Error(`${name} (${String(origin)}): figures were changed`);
  if (originalSha256 !== undefined && typeof originalSha256 !== 'string') throw new Error(`${name}: no hash`);
  return figures;
};

export const rfcVectors = load('sframe-rfc9605.json') as RfcVectors;
export const latchkeyVectors = load('sframe-latchkey.json') as LatchkeyVectors;
