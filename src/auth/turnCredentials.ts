// Credentials for TURN servers that live for a limited time, as draft-uberti-behave-turn-rest-00 has them and coturn takes them
// (`use-auth-secret`): the user's name says when they end, the password is HMAC-SHA1 of the name under a secret shared with the TURN server.
// They open a relay of packets that are sealed twice; no key depends on them.

import { createHmac } from 'node:crypto';
import type { Secret } from '../observe/secret.ts';
import type { IceServer } from '../protocol/signaling.ts';

export interface TurnSettings {
  /** RFC 7065: `turn:host:port?transport=udp`, `turns:host`; also `stun:host`. Empty: there is none. */
  readonly urls: readonly string[];
  readonly secret: Secret | null;
  readonly ttlSeconds: number;
}

export class TurnCredentials {
  readonly #settings: TurnSettings;
  readonly #nowMs: () => number;

  /** `nowMs`: wall time, which the TURN server compares with its own. */
  constructor(settings: TurnSettings, nowMs: () => number = Date.now) {
    this.#settings = settings;
    this.#nowMs = nowMs;
  }

  /** For one participant, beginning now. */
  issue(participantId: string): IceServer[] {
    const { urls, secret, ttlSeconds } = this.#settings;
    const open = urls.filter((url) => url.startsWith('stun'));
    const relays = urls.filter((url) => url.startsWith('turn'));
    const servers: IceServer[] = open.length === 0 ? [] : [{ urls: open }];
    if (relays.length === 0 || secret === null) return servers;
    const username = `${Math.floor(this.#nowMs() / 1_000) + ttlSeconds}:${participantId}`;
    const credential = createHmac('sha1', secret.reveal()).update(username).digest('base64');
    return [...servers, { urls: relays, username, credential }];
  }
}
