// A server's ledger as the real writer makes it, over any history, signed by a real key; and what somebody without that key can do to it.

import { generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { nodeLedgerTools } from '../../src/cli/nodeLedgerTools.ts';
import type { RekeyAnswer } from '../../src/custodian/custodian.ts';
import { decodeLedgerLine, encodeLedgerLine } from '../../src/keys/ledgerLines.ts';
import type { LedgerLine } from '../../src/keys/ledgerLines.ts';
import { MeetingLedger } from '../../src/meeting/meetingLedger.ts';
import type { LedgerHead } from '../../src/meeting/meetingLedger.ts';
import { encodeUtf8 } from '../../src/protocol/bytes.ts';
import { chainInput, epochSignatureInput, ledgerSignatureInput } from '../../src/protocol/keyMessages.ts';
import { departureCauses, epochId, lease as leaseOf, roles, triggers } from '../../src/protocol/names.ts';
import type { DepartureCause, JoinPolicy, Lease, Trigger } from '../../src/protocol/names.ts';

export interface Signer {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

export const newSigner = (): Signer => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const { x = '' } = publicKey.export({ format: 'jwk' });
  return {
    publicKey: Buffer.from(x, 'base64url'),
    sign: (message) => sign(null, message, privateKey),
  };
};

interface Gone {
  readonly participant: string;
  readonly lease: Lease;
  readonly cause: DepartureCause;
}

/** A meeting of which nothing is real but its ledger. What it is told to do it writes, possible or not. */
export class LedgerScene {
  readonly signer: Signer;
  readonly incarnation: Uint8Array;
  readonly ledger: MeetingLedger;
  readonly lines: string[] = [];
  nowMs = 1_800_000_000_000;
  #chain: Uint8Array = new Uint8Array(32);
  #nextEpoch = 0;

  constructor(signer: Signer, incarnation: number, joinPolicy: JoinPolicy = 'every') {
    this.signer = signer;
    this.incarnation = new Uint8Array(16).fill(incarnation);
    this.ledger = new MeetingLedger({
      incarnation: this.incarnation,
      meeting: `meeting-${incarnation}`,
      kind: 'interactive',
      joinPolicy,
      signingKey: signer.publicKey,
      now: () => this.nowMs,
      sink: { write: (line) => void this.lines.push(line), close: () => undefined },
    });
  }

  get text(): string {
    return this.lines.map((line) => `${line}\n`).join('');
  }

  /** What the custodian answers to a mint that was asked for with this head of the ledger. */
  answer({ hash }: LedgerHead, trigger: Trigger = 'join', epoch = this.#nextEpoch): RekeyAnswer {
    const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(epoch + 1);
    const { incarnation } = this;
    const head = { incarnation, epoch: epochId(epoch), trigger };
    this.#chain = nodeLedgerTools.hash(chainInput({ ...head, previous: this.#chain, ledger: hash }));
    this.#nextEpoch = epoch + 1;
    const statement = { ...head, fingerprint: bytes(16), chain: this.#chain, digest: bytes(32) };
    return {
      ...statement,
      minted: true,
      signature: this.signer.sign(epochSignatureInput(statement)),
      mintedAt: this.nowMs,
      sealedAt: this.nowMs + 1,
      rekey: null,
      welcomes: [],
    };
  }

  mint(delivered: number, asked = this.ledger.head, trigger?: Trigger): this {
    this.ledger.minted(this.answer(asked, trigger), asked, delivered);
    return this;
  }

  activate(epoch: number, acknowledged = 0): this {
    this.ledger.append({
      type: 'activated',
      epoch: epochId(epoch),
      by: 'quorum',
      tookMs: 12.5,
      acknowledged,
      missed: 0,
    });
    return this;
  }

  retire(epoch: number, acknowledged = 0): this {
    this.ledger.append({ type: 'retired', epoch: epochId(epoch), acknowledged, missed: 0 });
    return this;
  }

  join(participant: string, lease: number): this {
    this.ledger.append({ type: 'joined', participant, lease: leaseOf(lease), role: 'presenter' });
    return this;
  }

  leave(participant: string, lease: number, cause: DepartureCause = 'left'): this {
    this.ledger.append({ type: 'left', participant, lease: leaseOf(lease), cause });
    return this;
  }

  close(): this {
    const { lines, hash } = this.ledger.end('meetingEnded');
    const { incarnation } = this;
    this.ledger.close(this.signer.sign(ledgerSignatureInput({ incarnation, lines, hash })));
    return this;
  }
}

/** What happens next, of what can: `pick` chooses to whom. */
const steps = fc.record({
  what: fc.constantFrom(
    ...(['join', 'join', 'join', 'leave', 'move', 'ask', 'ask', 'answer', 'answer'] as const),
    ...(['activate', 'activate', 'settle', 'expose', 'retire', 'gate', 'share', 'restart'] as const),
  ),
  pick: fc.nat(1_000),
  ms: fc.integer({ min: 0, max: 5_000 }),
});
type Step = typeof steps extends fc.Arbitrary<infer S> ? S : never;

export const histories = fc.array(steps, { maxLength: 60, size: 'max' });

/** A possible history, whatever the steps. `closed`: to its end. */
export const writeHistory = (
  signer: Signer,
  history: readonly Step[],
  { closed, incarnation = 1 }: { closed: boolean; incarnation?: number },
): LedgerScene => {
  const scene = new LedgerScene(signer, incarnation, 'first');
  const { ledger } = scene;
  const present: { participant: string; lease: Lease; paused: boolean }[] = [];
  const gone: Gone[] = [];
  let [lastLease, joined, asked]: [number, number, LedgerHead | null] = [0, 0, null];
  let [minted, active, settled, retired] = [-1, -1, -1, -1];
  const leave = (index: number, cause: DepartureCause): void => {
    for (const { participant, lease } of present.splice(index, 1)) {
      ledger.append({ type: 'left', participant, lease, cause });
      gone.push({ participant, lease, cause });
    }
  };
  const expose = (): void => {
    for (const departed of gone.splice(0, 1)) {
      const epoch = minted < 0 ? null : epochId(minted);
      ledger.append({ type: 'exposed', ...departed, epoch, exposureMs: 30.2 });
    }
  };
  const act: { readonly [what in Step['what']]: (pick: number) => void } = {
    join: (pick) => {
      const newcomer = { participant: `someone-${++joined}`, lease: leaseOf(++lastLease), paused: false };
      present.push(newcomer);
      const { participant, lease } = newcomer;
      ledger.append({ type: 'joined', participant, lease, role: roles[pick % roles.length] ?? 'host' });
    },
    leave: (pick) => {
      if (present.length > 0)
        leave(pick % present.length, departureCauses[pick % departureCauses.length] ?? 'left');
    },
    move: (pick) => {
      const moved = present[pick % present.length];
      if (moved === undefined) return;
      const { participant, lease: from } = moved;
      moved.lease = leaseOf(++lastLease);
      ledger.append({ type: 'moved', participant, from, to: moved.lease });
    },
    ask: () => {
      asked ??= ledger.head;
    },
    answer: (pick) => {
      if (asked === null) return;
      scene.mint(present.length, asked, triggers[pick % triggers.length]);
      minted++;
      asked = null;
    },
    activate: () => {
      if (active < minted) scene.activate((active = minted), present.length);
    },
    settle: () => {
      if (settled >= active) return;
      settled = active;
      ledger.append({ type: 'settled', epoch: epochId(active) });
    },
    expose,
    retire: () => {
      if (retired + 1 < active) scene.retire(++retired, present.length);
    },
    gate: (pick) => {
      const one = present[pick % present.length];
      if (one === undefined || active < 0) return;
      const { participant } = one;
      one.paused = !one.paused;
      ledger.append({ type: one.paused ? 'paused' : 'resumed', participant, epoch: epochId(active) });
    },
    share: () => {
      if (minted >= 0 && retired < minted) {
        ledger.append({ type: 'shared', epoch: epochId(minted), leases: present.length });
      }
    },
    restart: () => void ledger.append({ type: 'restarted' }),
  };
  for (const { what, pick, ms } of history) {
    scene.nowMs += ms;
    act[what](pick);
  }
  if (!closed) return scene;
  while (present.length > 0) leave(0, 'ended');
  while (gone.length > 0) expose();
  while (retired < minted) scene.retire(++retired);
  return scene.close();
};

export const linesOf = (text: string): string[] => text.split('\n').slice(0, -1);
export const textOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');

/** What somebody who can write the file but not sign makes of changed lines: numbered and linked anew, and the chain computed anew too. */
export const relink = (changed: readonly LedgerLine[], { chains }: { chains: boolean }): string[] => {
  const texts: string[] = [];
  const hashes: Uint8Array[] = [];
  let chain: Uint8Array = new Uint8Array(32);
  let incarnation: Uint8Array = new Uint8Array(16);
  for (const [n, line] of changed.entries()) {
    const prev = hashes[n - 1] ?? new Uint8Array(32);
    let forged: LedgerLine = { ...line, n, prev };
    if (forged.type === 'opened') incarnation = forged.incarnation;
    if (forged.type === 'closed') forged = { ...forged, lines: n, hash: prev };
    if (forged.type === 'minted' && chains) {
      const ledger = hashes[forged.through] ?? prev;
      const input = chainInput({ ...forged, incarnation, previous: chain, ledger });
      forged = { ...forged, previous: chain, chain: nodeLedgerTools.hash(input) };
      chain = forged.chain;
    }
    texts.push(encodeLedgerLine(forged));
    hashes.push(nodeLedgerTools.hash(encodeUtf8(texts[n] ?? '')));
  }
  return texts;
};

export const decodeAll = (lines: readonly string[]): LedgerLine[] => lines.map(decodeLedgerLine);
