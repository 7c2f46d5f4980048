// A server that has as many joins as it can carry out at a time: whoever comes then is told when to come back, and nothing was done for it.
// Clients come in by themselves; the meeting that runs notices nothing.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../src/client/session/clock.ts';
import { connect } from '../../src/client/session/connect.ts';
import { LocalKeyAgent } from '../../src/client/session/localKeyAgent.ts';
import { createNodeAgentCrypto } from '../../src/client/session/nodeAgentCrypto.ts';
import type { Session } from '../../src/client/session/session.ts';
import { joinFromNode } from '../../src/client/session/nodeParticipant.ts';
import { api, startServerProcess } from '../server/serverProcess.ts';
import type { ServerProcess } from '../server/serverProcess.ts';
import { RawClient, joinAsk } from './rawClient.ts';

/** Resolves for all when as many have come as are expected. */
class Gathering {
  readonly #all = Promise.withResolvers<void>();
  #missing: number;

  constructor(expected: number) {
    this.#missing = expected;
  }

  async come(): Promise<void> {
    if (--this.#missing === 0) this.#all.resolve();
    await this.#all.promise;
  }
}

/** Its key pair is made when those of the others are: all ask to join in the same moment. */
class GatheredAgent extends LocalKeyAgent<Buffer, Buffer> {
  readonly #gathering: Gathering;

  constructor(gathering: Gathering) {
    super(createNodeAgentCrypto(), systemClock);
    this.#gathering = gathering;
  }

  override async begin(): Promise<{ publicKey: Uint8Array }> {
    const begun = await super.begin();
    await this.#gathering.come();
    return begun;
  }
}

let server: ServerProcess;

before(async () => {
  server = await startServerProcess(
    { LATCHKEY_LIMITS_JOINS_AT_ONCE: '1', LATCHKEY_LIMITS_JOINS_WAITING: '1' },
    { tapped: false },
  );
});

after(async () => {
  assert.equal(await server.stop(), 0);
});

const joinsThatWereBusy = async (): Promise<number> =>
  Number(
    /^latchkey_joins_total\{result="busy"\} (\d+)$/m.exec(await api(server).metrics())?.[1] ?? Number.NaN,
  );

/** Of one who is there from the start: what it was told of that is not the coming of others. */
const bystander = async (meeting: string): Promise<{ session: Session; troubles: string[] }> => {
  const token = await api(server).token(meeting, 'Berta');
  const { session } = await joinFromNode({ url: server.url, token });
  const troubles: string[] = [];
  session.on('failure', ({ code }) => void troubles.push(code));
  session.on('connection', ({ state }) => void troubles.push(state));
  session.on('sendingPaused', () => void troubles.push('paused'));
  session.on('ended', ({ reason }) => void troubles.push(reason));
  await session.keyed(10_000);
  return { session, troubles };
};

describe('a server that is busy', () => {
  it('says so, and when to come back; the connection stands, and the token stays good', async () => {
    const meeting = await api(server).createMeeting();
    const { session, troubles } = await bystander(meeting);
    const clients = await Promise.all(Array.from({ length: 40 }, () => RawClient.connect(server.url)));
    const tokens = await Promise.all(
      clients.map((_, number) => api(server).token(meeting, `Guest ${number}`)),
    );
    const join = (client: RawClient, number: number) =>
      client.request('join', joinAsk(tokens[number] ?? assert.fail()));
    const replies = await Promise.all(clients.map(join));
    const refused = replies.flatMap(({ error }, number) => (error === undefined ? [] : [{ number, error }]));
    assert.ok(refused.length > 0 && refused.length < clients.length, `${refused.length} refused`);
    for (const { error } of refused) {
      assert.equal(error.code, 'busy');
      assert.ok((error.retryAfterMs ?? 0) >= 1_000 && (error.retryAfterMs ?? 0) <= 60_000);
    }
    assert.equal(await joinsThatWereBusy(), refused.length);

    // One after the other nobody is in the way of anybody: the same connections and tokens, more often than a peer may err.
    for (const { number } of refused) {
      const client = clients[number] ?? assert.fail();
      assert.equal((await join(client, number)).ok, true);
    }
    assert.equal(await joinsThatWereBusy(), refused.length);
    assert.deepEqual(troubles, []);
    for (const client of clients) client.close();
    await session.leave();
  });

  it('is asked again by clients of their own accord until all are in, and the meeting notices nothing', async () => {
    const meeting = await api(server).createMeeting();
    const { session, troubles } = await bystander(meeting);
    const before = await joinsThatWereBusy();
    const tokens = await Promise.all(
      Array.from({ length: 24 }, (_, number) => api(server).token(meeting, `Guest ${number}`)),
    );
    let told = 0;
    const gathered = new Gathering(tokens.length);
    const guests = await Promise.all(
      tokens.map((token, number) =>
        connect({
          url: server.url,
          token,
          keyAgent: new GatheredAgent(gathered),
          encodedTransforms: true,
          // They come back one after the other, where all at once would be refused again.
          random: () => number / tokens.length,
          onWaiting: (reason) => {
            assert.equal(reason, 'busy');
            told++;
          },
        }),
      ),
    );
    await Promise.all(guests.map((guest) => guest.keyed(10_000)));
    assert.ok(told > 0 && (await joinsThatWereBusy()) - before >= told, `${told} were told to wait`);
    await session.keyed(0);
    assert.deepEqual([troubles, guests.map(({ ended }) => ended).includes(true)], [[], false]);
    for (const one of [...guests, session]) await one.leave();
  });
});
