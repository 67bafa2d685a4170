// Who is not let in, and how socket.io-client learns of it; origins.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { connect, connected, refused } from './clients.mjs';
import { ORIGIN, Server, request, token } from './harness.mjs';

describe('refusals', { concurrency: 6 }, () => {
  let server;
  before(async () => {
    server = await Server.start();
  });
  after(() => server?.stop());

  for (const [how, transports] of Object.entries({ polling: ['polling'], WebSocket: ['websocket'] })) {
    for (const [what, auth, message] of [
      ['without a token', undefined, 'Missing authentication token'],
      ['with a broken token', { token: 'broken' }, 'Authentication failed'],
      ["with another secret's token", { token: token({}, 'another secret, which is as long as the first') }, 'Authentication failed'],
      ['with an expired token', { token: token({ exp: 1_000_000_000 }) }, 'Authentication failed'],
      ['with a token that is no text', { token: 7 }, 'Missing authentication token'],
    ]) {
      test(`${how}: a client ${what} gets connect_error with data, and does not try again by itself`, async (t) => {
        const socket = connect(t, server, '/alerts', { auth, transports });
        const error = await refused(socket);
        assert.equal(error.message, message);
        assert.equal(typeof error.data?.code, 'string');
        assert.equal(socket.active, false);
      });
    }

    test(`${how}: an unknown namespace is refused, others on the connection go on`, async (t) => {
      const options = { forceNew: false, query: { of: how }, transports };
      const known = await connected(connect(t, server, '/alerts', options));
      const error = await refused(connect(t, server, '/nope', options));
      assert.equal(error.message, 'Invalid namespace');
      assert.equal(known.connected, true);
    });
  }

  test('a client that was refused comes back with a new token', async (t) => {
    const auth = { token: 'broken' };
    const socket = connect(t, server, '/alerts', { auth });
    await refused(socket);
    auth.token = token();
    socket.connect();
    await connected(socket);
  });

  for (const version of ['EIO=3&', 'EIO=2&', '']) {
    test(`clients of protocol "${version}" are refused with code 5`, async () => {
      const answer = await request(server.port, 'GET', `/socket.io/?${version}transport=polling`);
      assert.deepEqual([answer.status, JSON.parse(answer.body)], [400, { code: 5, message: 'Unsupported protocol version' }]);
    });
  }

  test('a browser of a listed origin may poll and post, after asking', async () => {
    const asked = { Origin: ORIGIN, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' };
    const preflight = await request(server.port, 'OPTIONS', '/socket.io/?EIO=4&transport=polling', { headers: asked });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers['access-control-allow-origin'], ORIGIN);
    assert.match(preflight.headers['access-control-allow-methods'], /POST/);
    assert.match(preflight.headers['access-control-allow-headers'], /content-type/i);
    assert.match(preflight.headers.vary, /Origin/i);
    const answer = await request(server.port, 'GET', '/socket.io/?EIO=4&transport=polling', { headers: { Origin: ORIGIN } });
    assert.deepEqual([answer.status, answer.headers['access-control-allow-origin'], answer.headers['access-control-allow-credentials']], [200, ORIGIN, 'true']);
  });

  test('where any origin may come, none brings cookies', async () => {
    const open = await Server.start({ env: { CORS_ORIGINS: '*' } });
    try {
      const answer = await request(open.port, 'GET', '/socket.io/?EIO=4&transport=polling', { headers: { Origin: ORIGIN } });
      assert.deepEqual([answer.status, answer.headers['access-control-allow-origin'], answer.headers['access-control-allow-credentials']], [200, '*', undefined]);
    } finally {
      await open.stop();
    }
  });

  test('a browser of another origin is told of none', async () => {
    const headers = { Origin: 'https://elsewhere.example.com' };
    const answer = await request(server.port, 'GET', '/socket.io/?EIO=4&transport=polling', { headers });
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
    const preflight = await request(server.port, 'OPTIONS', '/socket.io/?EIO=4&transport=polling', { headers: { ...headers, 'Access-Control-Request-Method': 'POST' } });
    assert.equal(preflight.headers['access-control-allow-origin'], undefined);
  });
});
