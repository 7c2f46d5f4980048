// Credentials for TURN servers, as coturn computes them.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { TurnCredentials } from '../../src/auth/turnCredentials.ts';
import { Secret } from '../../src/observe/secret.ts';

const sharedSecret = 'shared-with-the-turn-server-0123456789';
const nowMs = 1_700_000_000_999;

const issue = (urls: readonly string[], secret: string | null = sharedSecret) =>
  new TurnCredentials(
    { urls, secret: secret === null ? null : new Secret(secret), ttlSeconds: 600 },
    () => nowMs,
  ).issue('ada');

describe('TURN credentials', () => {
  it('name when they end and for whom, and are the HMAC of that name', () => {
    const [server] = issue(['turn:turn.example.org:3478?transport=udp', 'turns:turn.example.org']);
    assert.ok(server?.username !== undefined && server.credential !== undefined);
    assert.equal(server.username, '1700000600:ada');
    const expected = createHmac('sha1', sharedSecret).update('1700000600:ada').digest('base64');
    assert.equal(server.credential, expected);
    assert.deepEqual(server.urls, ['turn:turn.example.org:3478?transport=udp', 'turns:turn.example.org']);
  });

  it('are not given to STUN servers, which ask for none', () => {
    const servers = issue(['stun:stun.example.org', 'turn:turn.example.org']);
    assert.deepEqual(
      servers.map(({ urls, username }) => [urls, username === undefined]),
      [
        [['stun:stun.example.org'], true],
        [['turn:turn.example.org'], false],
      ],
    );
  });

  it('are not there where nothing is configured', () => {
    assert.deepEqual(issue([]), []);
    assert.deepEqual(issue(['turn:turn.example.org'], null), []);
  });
});
