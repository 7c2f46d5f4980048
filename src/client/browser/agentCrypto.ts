// The SFrame worker's cryptography: WebCrypto throughout.

import type { AgentCrypto } from '../session/agentCrypto.ts';
import { composeCrypto } from '../session/composeCrypto.ts';
import { createWebCrypto } from './webCrypto.ts';

/** Base keys are CryptoKeys: nothing but dropping them wipes them. */
export const createAgentCrypto = (): AgentCrypto<CryptoKey, CryptoKey> =>
  composeCrypto(createWebCrypto(), () => undefined);
