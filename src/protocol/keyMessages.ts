// The key plane's binary messages, made by the custodian and read by participants; the control process only carries them.
// Formats: PROTOCOL.md, "Key messages". Every field has a fixed length or its length before it; every signature and
// HPKE `info` begins with a label of its own.

import { ByteReader, ByteWriter } from './bytes.ts';
import { epochId, lease, lengths, protocolVersion, roles, triggers } from './names.ts';
import type { EpochId, Lease, Role, Trigger } from './names.ts';

/** First byte of each message; welcome and rekey travel as binary WebSocket messages. */
export const keyMessageTypes = { admission: 1, welcome: 2, rekey: 3 } as const;

/** Children of an inner node of the key tree. */
export const treeDegree = 4;
/** Levels above the leaves: 4¹⁰ is a million places. */
export const maxTreeHeight = 10;

const sealedKeyBytes = lengths.key + lengths.tag;

/** What both ends bind the admission to: HPKE's `info`, and the first part of what the server signs. */
export interface AdmissionTerms {
  readonly incarnation: Uint8Array; // 16 bytes
  readonly meeting: string;
  readonly participant: string;
  readonly role: Role;
  readonly lease: Lease;
  readonly publicKey: Uint8Array; // X25519, 32 bytes
  readonly tokenId: string;
  /** Counts the admissions of an incarnation from 1. */
  readonly number: number;
  /** No epoch before this one will ever be given to this admission. */
  readonly firstEpoch: EpochId;
}

export interface Admission {
  readonly terms: AdmissionTerms;
  /** HPKE's encapsulated key, 32 bytes. */
  readonly enc: Uint8Array;
  /** Ed25519 over `admissionSignatureInput`. */
  readonly signature: Uint8Array;
}

/** The bytes of HPKE's `info`. */
export const encodeAdmissionTerms = (terms: AdmissionTerms): Uint8Array =>
  new ByteWriter()
    .text('latchkey/1 admission')
    .u8(protocolVersion)
    .fixed(terms.incarnation, lengths.incarnation)
    .text(terms.meeting)
    .text(terms.participant)
    .u8(roles.indexOf(terms.role))
    .u32(terms.lease)
    .fixed(terms.publicKey, lengths.publicKey)
    .text(terms.tokenId)
    .u32(terms.number)
    .u32(terms.firstEpoch)
    .finish();

const readTerms = (bytes: Uint8Array): AdmissionTerms => {
  const reader = new ByteReader(bytes, 'key_message_malformed');
  if (reader.text() !== 'latchkey/1 admission') reader.fail('not an admission');
  if (reader.u8() !== protocolVersion) reader.fail('another protocol version');
  const terms = {
    incarnation: reader.fixed(lengths.incarnation),
    meeting: reader.text(),
    participant: reader.text(),
    role: roles[reader.u8()] ?? reader.fail('no such role'),
    lease: readLease(reader),
    publicKey: reader.fixed(lengths.publicKey),
    tokenId: reader.text(),
    number: reader.u32(),
    firstEpoch: epochId(reader.u32()),
  };
  reader.end();
  return terms;
};

const readLease = (reader: ByteReader): Lease => {
  const value = reader.u32();
  return value === 0 ? reader.fail('lease 0') : lease(value);
};

/** What the server's Ed25519 key signs of an admission. */
export const admissionSignatureInput = (terms: AdmissionTerms, enc: Uint8Array): Uint8Array =>
  new ByteWriter()
    .text('latchkey/1 sign admission')
    .sized(encodeAdmissionTerms(terms))
    .fixed(enc, lengths.encapsulated)
    .finish();

export const encodeAdmission = ({ terms, enc, signature }: Admission): Uint8Array =>
  new ByteWriter()
    .u8(keyMessageTypes.admission)
    .sized(encodeAdmissionTerms(terms))
    .fixed(enc, lengths.encapsulated)
    .fixed(signature, lengths.signature)
    .finish();

/** @throws LatchkeyError `key_message_malformed`, with the offset. */
export const decodeAdmission = (bytes: Uint8Array): Admission => {
  const reader = new ByteReader(bytes, 'key_message_malformed');
  if (reader.u8() !== keyMessageTypes.admission) reader.fail('not an admission');
  const admission = {
    terms: readTerms(reader.sized()),
    enc: reader.fixed(lengths.encapsulated),
    signature: reader.fixed(lengths.signature),
  };
  reader.end();
  return admission;
};

/** What welcome and rekey of one epoch have in common. */
export interface EpochHead {
  readonly incarnation: Uint8Array;
  /** Also the rekey's number: one rekey makes one epoch. */
  readonly epoch: EpochId;
  readonly trigger: Trigger;
  /** The chain of the epoch before, 32 bytes; zeros before epoch 0. */
  readonly previous: Uint8Array;
  /** SHA-256 of the last line of the meeting's ledger when this epoch was minted, 32 bytes. */
  readonly ledger: Uint8Array;
  /** Of the epoch, 16 bytes. */
  readonly fingerprint: Uint8Array;
}

/**
 * The chain of an epoch is SHA-256 of this: it covers every epoch of the incarnation up to this one, and the ledger. What opens media is
 * derived with it, so that two participants who were told different stories share no key from there on.
 */
export const chainInput = ({
  incarnation,
  epoch,
  trigger,
  previous,
  ledger,
}: Omit<EpochHead, 'fingerprint'>): Uint8Array =>
  new ByteWriter()
    .text('latchkey/1 chain')
    .fixed(incarnation, lengths.incarnation)
    .u32(epoch)
    .u8(triggers.indexOf(trigger))
    .fixed(previous, lengths.hash)
    .fixed(ledger, lengths.hash)
    .finish();

/** The custodian's word on an epoch: everybody gets it with the key, and the ledger holds it. */
export interface EpochStatement {
  readonly incarnation: Uint8Array;
  readonly epoch: EpochId;
  readonly trigger: Trigger;
  readonly fingerprint: Uint8Array;
  /** 32 bytes, see `chainInput`. */
  readonly chain: Uint8Array;
  /** SHA-256 of the rekey's body, 32 bytes; zeros where there was none, since nobody was there before. */
  readonly digest: Uint8Array;
}

/** What the server's Ed25519 key signs of each epoch. */
export const epochSignatureInput = (statement: EpochStatement): Uint8Array =>
  new ByteWriter()
    .text('latchkey/1 sign epoch')
    .fixed(statement.incarnation, lengths.incarnation)
    .u32(statement.epoch)
    .u8(triggers.indexOf(statement.trigger))
    .fixed(statement.fingerprint, lengths.fingerprint)
    .fixed(statement.chain, lengths.hash)
    .fixed(statement.digest, lengths.hash)
    .finish();

/** What the server's Ed25519 key signs when an incarnation has ended: how many lines its ledger has before this, and the last one's hash. */
export const ledgerSignatureInput = (ledger: {
  incarnation: Uint8Array;
  lines: number;
  hash: Uint8Array;
}): Uint8Array =>
  new ByteWriter()
    .text('latchkey/1 sign ledger')
    .fixed(ledger.incarnation, lengths.incarnation)
    .u32(ledger.lines)
    .fixed(ledger.hash, lengths.hash)
    .finish();

/** To one newcomer, sealed under its leaf: its place, the keys from its leaf's parent to the root as they are after this rekey, and the session key. */
export interface Welcome extends EpochHead {
  readonly lease: Lease;
  /** Place among the leaves, from 0. */
  readonly leaf: number;
  /** Levels above the leaves; that many path keys are sealed, the lowest first, then the session key. */
  readonly height: number;
  /** (height + 1) keys and one tag. */
  readonly sealed: Uint8Array;
}

const writeHead = (type: number, head: EpochHead): ByteWriter =>
  new ByteWriter(2048)
    .u8(type)
    .u8(protocolVersion)
    .fixed(head.incarnation, lengths.incarnation)
    .u32(head.epoch)
    .u8(triggers.indexOf(head.trigger))
    .fixed(head.previous, lengths.hash)
    .fixed(head.ledger, lengths.hash)
    .fixed(head.fingerprint, lengths.fingerprint);

const readHead = (reader: ByteReader, type: number): EpochHead => {
  if (reader.u8() !== type) reader.fail('another type of key message');
  if (reader.u8() !== protocolVersion) reader.fail('another protocol version');
  return {
    incarnation: reader.fixed(lengths.incarnation),
    epoch: epochId(reader.u32()),
    trigger: triggers[reader.u8()] ?? reader.fail('no such trigger'),
    previous: reader.fixed(lengths.hash),
    ledger: reader.fixed(lengths.hash),
    fingerprint: reader.fixed(lengths.fingerprint),
  };
};

const readHeight = (reader: ByteReader): number => {
  const height = reader.u8();
  return height >= 1 && height <= maxTreeHeight ? height : reader.fail('height out of range');
};

/** The AAD of a welcome's sealed part: all that stands before it. */
export const welcomeAad = (welcome: Omit<Welcome, 'sealed'>): Uint8Array =>
  writeHead(keyMessageTypes.welcome, welcome)
    .u32(welcome.lease)
    .u32(welcome.leaf)
    .u8(welcome.height)
    .finish();

/** What a newcomer is shown of the statement; the rest it computes. */
export interface EpochSeal {
  readonly digest: Uint8Array;
  /** Ed25519 over `epochSignatureInput`. */
  readonly signature: Uint8Array;
}

export const encodeWelcome = (welcome: Welcome, { digest, signature }: EpochSeal): Uint8Array => {
  const head = welcomeAad(welcome);
  return new ByteWriter(head.length + welcome.sealed.length + lengths.hash + lengths.signature)
    .fixed(head, head.length)
    .fixed(welcome.sealed, (welcome.height + 1) * lengths.key + lengths.tag)
    .fixed(digest, lengths.hash)
    .fixed(signature, lengths.signature)
    .finish();
};

/** @throws LatchkeyError `key_message_malformed`, with the offset. */
export const decodeWelcome = (bytes: Uint8Array): { welcome: Welcome } & EpochSeal => {
  const reader = new ByteReader(bytes, 'key_message_malformed');
  const head = readHead(reader, keyMessageTypes.welcome);
  const lease = readLease(reader);
  const leaf = reader.u32();
  const height = readHeight(reader);
  if (leaf >= treeDegree ** height) reader.fail('a leaf beyond the tree');
  const sealed = reader.fixed((height + 1) * lengths.key + lengths.tag);
  const digest = reader.fixed(lengths.hash);
  const signature = reader.fixed(lengths.signature);
  reader.end();
  return { welcome: { ...head, lease, leaf, height, sealed }, digest, signature };
};

/** A replaced or new inner node: its key, sealed under each child below which somebody was already there. */
export interface SealedNode {
  /** 1 is the leaves' parents. */
  readonly level: number;
  readonly index: number;
  /** Ascending by child; child `c` of (level, index) is (level − 1, index·4 + c). */
  readonly seals: readonly { readonly child: number; readonly sealed: Uint8Array }[];
}

/** To everybody who was there before, the same bytes. */
export interface Rekey extends EpochHead {
  /** Levels above the leaves once this rekey is applied. */
  readonly height: number;
  /** Lower levels first, so that each node's key can be opened by then. */
  readonly nodes: readonly SealedNode[];
  /** The session key under the root. */
  readonly session: Uint8Array;
}

const maxSealedNodes = 0xffff;

/** The rekey without its signature, which covers it by its digest. */
export const encodeRekeyBody = (rekey: Rekey): Uint8Array => {
  const writer = writeHead(keyMessageTypes.rekey, rekey).u8(rekey.height).u16(rekey.nodes.length);
  for (const node of rekey.nodes) {
    const mask = node.seals.reduce((bits, { child }) => bits | (1 << child), 0);
    writer.u8(node.level).u32(node.index).u8(mask);
    for (const { sealed } of node.seals) writer.fixed(sealed, sealedKeyBytes);
  }
  return writer.fixed(rekey.session, sealedKeyBytes).finish();
};

export const encodeRekey = (body: Uint8Array, signature: Uint8Array): Uint8Array =>
  new ByteWriter(body.length + lengths.signature)
    .fixed(body, body.length)
    .fixed(signature, lengths.signature)
    .finish();

const readNode = (reader: ByteReader, height: number): SealedNode => {
  const level = reader.u8();
  if (level < 1 || level > height) reader.fail('a node outside the tree');
  const index = reader.u32();
  if (index >= treeDegree ** (height - level)) reader.fail('a node outside the tree');
  const mask = reader.u8();
  if (mask === 0 || mask >= 1 << treeDegree) reader.fail('children that cannot be');
  const seals: { child: number; sealed: Uint8Array }[] = [];
  for (let child = 0; child < treeDegree; child++) {
    if (mask & (1 << child)) seals.push({ child, sealed: reader.fixed(sealedKeyBytes) });
  }
  return { level, index, seals };
};

/** @throws LatchkeyError `key_message_malformed`, with the offset. */
export const decodeRekey = (bytes: Uint8Array): { rekey: Rekey; body: Uint8Array; signature: Uint8Array } => {
  const reader = new ByteReader(bytes, 'key_message_malformed');
  const head = readHead(reader, keyMessageTypes.rekey);
  const height = readHeight(reader);
  const count = reader.u16();
  if (count > maxSealedNodes) reader.fail('too many nodes');
  const nodes: SealedNode[] = [];
  for (let i = 0; i < count; i++) {
    const node = readNode(reader, height);
    const before = nodes.at(-1);
    const rises =
      before === undefined ||
      before.level < node.level ||
      (before.level === node.level && before.index < node.index);
    if (!rises) reader.fail('nodes out of order');
    nodes.push(node);
  }
  const session = reader.fixed(sealedKeyBytes);
  const body = bytes.slice(0, reader.offset);
  const signature = reader.fixed(lengths.signature);
  reader.end();
  return { rekey: { ...head, height, nodes, session }, body, signature };
};

/** What the server's Ed25519 key signs of the DTLS fingerprints that a transport offers. */
export const transportSignatureInput = (transport: {
  incarnation: Uint8Array;
  participant: string;
  transport: string;
  fingerprints: readonly { algorithm: string; value: string }[];
}): Uint8Array => {
  const writer = new ByteWriter()
    .text('latchkey/1 sign transport')
    .fixed(transport.incarnation, lengths.incarnation)
    .text(transport.participant)
    .text(transport.transport)
    .u8(transport.fingerprints.length);
  for (const { algorithm, value } of transport.fingerprints) writer.text(algorithm).text(value);
  return writer.finish();
};

/** What a participant whose token is bound to an Ed25519 key (`cnf`, RFC 7800) signs when it joins. */
export const joinSignatureInput = (join: { token: string; publicKey: Uint8Array }): Uint8Array =>
  new ByteWriter()
    .text('latchkey/1 sign join')
    .text(join.token)
    .fixed(join.publicKey, lengths.publicKey)
    .finish();

/** What the resume secret authenticates (KDF of keys/keyStore.ts) when a new connection says that it is the same participant. */
export const resumeProofInput = (resume: {
  incarnation: Uint8Array;
  lease: Lease;
  /** The server's, fresh for this connection, 32 bytes. */
  challenge: Uint8Array;
}): Uint8Array =>
  new ByteWriter()
    .text('latchkey/1 resume')
    .fixed(resume.incarnation, lengths.incarnation)
    .u32(resume.lease)
    .fixed(resume.challenge, lengths.challenge)
    .finish();

/** HPKE export contexts of an admission, each giving 32 bytes. */
export const admissionExports = {
  admissionKey: 'latchkey/1 admission key',
  resumeSecret: 'latchkey/1 resume secret',
} as const;
