// A vault in this process for a test: its own slab, time that passes when it is told to, participants with the real client parts.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { newAdmissionRecipient } from '../../src/client/session/hpke.ts';
import type { CustodianClock } from '../../src/custodian/clock.ts';
import type { OpenRequest } from '../../src/custodian/custodian.ts';
import { Randomness } from '../../src/custodian/randomness.ts';
import { Slab } from '../../src/custodian/slab.ts';
import type { SlabOptions } from '../../src/custodian/slab.ts';
import { SlabKeys } from '../../src/custodian/slabKeys.ts';
import { Vault } from '../../src/custodian/vault.ts';
import { fromBase64Url } from '../../src/protocol/bytes.ts';
import type { Lease } from '../../src/protocol/names.ts';
import { openAsk, Participant, rekeyAsk } from './participants.ts';

const { privateKey, publicKey: signingPublicKey } = generateKeyPairSync('ed25519');
export const signingKey = signingPublicKey;
export const serverPrivateKey = privateKey;
const serverKey = fromBase64Url(signingPublicKey.export({ format: 'jwk' }).x ?? '') ?? assert.fail('no key');
export const { publicKey } = await newAdmissionRecipient();

export const meeting = 'stand-up';
export const who = { meeting, participant: 'ada', role: 'host' as const, tokenId: 'token' };

/** One for all: its start-up test is tried elsewhere. */
const randomness = new Randomness();

export const newVault = (slots: number, clock?: CustodianClock, options: SlabOptions = {}) => {
  const slab = new Slab(slots, options);
  const keys = new SlabKeys(slab, randomness);
  return {
    slab,
    keys,
    vault: new Vault({ keys, randomness, signingKey: privateKey, ...(clock && { clock }) }),
  };
};

export const vaultOf = (slots: number, open: Partial<OpenRequest> = {}) => {
  const clock = virtualClock();
  const { slab, vault } = newVault(slots, clock);
  const { incarnation } = vault.openMeeting({ ...openAsk(meeting), ...open });
  const admit = (): Lease => vault.admit({ ...who, publicKey }).lease;
  const rekey = (joins: readonly Lease[], departures: readonly Lease[] = []) =>
    vault.rekey(rekeyAsk(meeting, joins, departures));
  const share = (joins: readonly Lease[], departures: readonly Lease[] = []) =>
    vault.rekey({ ...rekeyAsk(meeting, joins, departures), trigger: 'join', share: true });
  const participant = () => Participant.admit((ask) => vault.admit(ask), serverKey, who);
  return { slab, vault, clock, incarnation, admit, rekey, share, participant };
};

/** Time that passes when it is told to. */
export const virtualClock = () => {
  let nowMs = 5_000;
  const timers = new Set<{ readonly atMs: number; readonly run: () => void }>();
  return {
    nowMs: () => nowMs,
    wallMs: () => 1_700_000_000_000 + nowMs,
    after(ms: number, run: () => void) {
      const timer = { atMs: nowMs + ms, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    pass(ms: number) {
      nowMs += ms;
      for (const timer of timers) {
        if (timer.atMs > nowMs) continue;
        timers.delete(timer);
        timer.run();
      }
    },
    /** As when the loop is too busy for its timers. */
    passUnnoticed(ms: number) {
      nowMs += ms;
    },
    get timers() {
      return timers.size;
    },
  };
};
