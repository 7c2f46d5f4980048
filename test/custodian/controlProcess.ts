// A control process at its first start: it has the signing key made, starts a custodian, has it sign, and waits. Told to, it has it admit
// more people before than the first page of key memory holds.

import { newAdmissionRecipient } from '../../src/client/session/hpke.ts';
import { startCustodian } from '../../src/custodian/client.ts';
import { ensureSigningKey } from '../../src/custodian/signingKey.ts';
import { createLog } from '../../src/observe/log.ts';

const [, , signingKeyFile = '', admissions = '0'] = process.argv;

await ensureSigningKey(signingKeyFile);
const custodian = await startCustodian({
  signingKeyFile,
  slots: 20_000,
  answerMs: 20_000,
  log: createLog({ level: 'warn', pretty: false }),
});
await custodian.openMeeting({ meeting: 'm', joinPolicy: 'every', freshForMs: 0 });
await custodian.signTransport({
  meeting: 'm',
  participant: 'p',
  transport: 't',
  fingerprints: [{ algorithm: 'sha-256', value: 'AA' }],
});
const { publicKey } = await newAdmissionRecipient();
for (let admitted = 0; admitted < Number(admissions); admitted++)
  await custodian.admit({ meeting: 'm', participant: 'p', role: 'viewer', tokenId: 't', publicKey });
process.send?.({ custodian: custodian.pid });
process.on('disconnect', () => void custodian.close().then(() => process.exit(0)));
