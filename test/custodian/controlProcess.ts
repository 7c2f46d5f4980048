// A control process at its first start: it has the signing key made, starts a custodian, has it sign, and waits.

import { startCustodian } from '../../src/custodian/client.ts';
import { ensureSigningKey } from '../../src/custodian/signingKey.ts';
import { createLog } from '../../src/observe/log.ts';

const [, , signingKeyFile = ''] = process.argv;

await ensureSigningKey(signingKeyFile);
const custodian = await startCustodian({
  signingKeyFile,
  slots: 64,
  answerMs: 20_000,
  log: createLog({ level: 'error', pretty: false }),
});
await custodian.openMeeting({ meeting: 'm', joinPolicy: 'every', freshForMs: 0 });
await custodian.signTransport({
  meeting: 'm',
  participant: 'p',
  transport: 't',
  fingerprints: [{ algorithm: 'sha-256', value: 'AA' }],
});
process.send?.({ custodian: custodian.pid });
process.on('disconnect', () => void custodian.close().then(() => process.exit(0)));
