// Tokens that end while a client is connected: told ahead, refreshed by an event; old clients stay, others come back with a new one.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { ask, connect, connected, event } from './clients.mjs';
import { DEADLINE_MS, Server, next, request, token } from './harness.mjs';
import { services } from './services.mjs';

const lasting = (seconds, claims = {}) => token({ ...claims, exp: Math.floor(Date.now() / 1000) + seconds });

describe('tokens that end', { concurrency: 6 }, () => {
  let server;
  let service;
  before(async () => {
    server = await Server.start({ env: { WEBSOCKET_NAMESPACES: JSON.stringify([{ name: 'doors', history: true }]) } });
    service = await server.service({ ...services, 'doors:echo': ({ value }) => ({ value }) });
  });
  after(async () => {
    await service?.close();
    await server?.stop();
  });

  for (const nsp of ['/', '/alerts', '/video', '/monitoring', '/doors']) {
    test(`${nsp}: token_expiring comes ahead, and token:refresh brings a new token`, async (t) => {
      const socket = await connected(connect(t, server, nsp, { auth: { token: lasting(40) } }));
      assert.ok((await event(socket, 'token_expiring')).expiresIn <= 40);
      const refused = await ask(socket, 'token:refresh', 'nonsense');
      assert.equal(refused.error.code, 'UNAUTHENTICATED');
      assert.equal((await event(socket, 'error')).event, 'token:refresh');
      const another = await ask(socket, 'token:refresh', lasting(3600, { userId: 'another' }));
      assert.equal(another.error.code, 'FORBIDDEN');
      assert.deepEqual(await ask(socket, 'token:refresh', { token: lasting(3600) }), {});
      assert.deepEqual(await event(socket, 'token:refreshed'), {});
      assert.equal(socket.connected, true);
    });
  }

  test('an old client stays when its token has ended, and may still bring a new one', async (t) => {
    const socket = await connected(connect(t, server, '/alerts', { auth: { token: lasting(2) } }));
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
      const { body } = await request(server.port, 'GET', '/metrics', { headers: { 'X-API-Key': 'key-with-all-scopes' } });
      if (/expired_kept_total(?:\{.*\})? [1-9]/.test(body)) break;
      assert.ok(Date.now() < deadline, 'no connection outlived its token');
    }
    assert.deepEqual(await ask(socket, 'echo', { value: 1 }), { value: 1 });
    assert.deepEqual(await ask(socket, 'token:refresh', lasting(3600)), {});
  });

  test('a client of a namespace that no view shows is closed, asks for a new token and is recovered', async (t) => {
    const claims = { tenantId: 'doors-expiry' };
    const tokens = [lasting(2, claims), lasting(3600, claims)];
    const socket = await connected(connect(t, server, '/doors', { auth: (give) => give({ token: tokens.shift() }) }));
    const { id } = socket;
    await server.publish('doors', 'tenant:doors-expiry', 'door:opened', { n: 1 });
    const [reason] = await next(socket, 'disconnect');
    assert.equal(reason, 'transport close');
    await server.publish('doors', 'tenant:doors-expiry', 'door:opened', { n: 2 });
    await next(socket, 'connect');
    assert.deepEqual([socket.recovered, socket.id], [true, id]);
    assert.deepEqual([(await event(socket, 'door:opened')).n, (await event(socket, 'door:opened')).n], [1, 2]);
  });
});
