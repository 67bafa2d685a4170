// Connection state recovery and drains, as socket.io-client lives through them.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { Relay, ask, connect, connected, event, lose, reconnected } from './clients.mjs';
import { Inbox, Native, Server, WebSocket, next, token } from './harness.mjs';
import { services } from './services.mjs';

const created = (n) => ['alerts', 'tenant:t1', 'alert:created', { n }];

/** A server that ends with the test. */
async function started(t, options) {
  const server = await Server.start(options);
  let ended;
  const stop = server.stop.bind(server);
  server.stop = () => (ended ??= stop());
  t.after(server.stop);
  return server;
}

/** A client behind a relay that has had one event, and the object that its token is read from. */
async function met(t) {
  const server = await started(t);
  const relay = await Relay.open(t, server);
  const auth = { token: token() };
  const socket = await connected(connect(t, relay, '/alerts', { auth }));
  await server.publish(...created(1));
  await event(socket, 'alert:created');
  return { server, relay, auth, socket };
}

for (const shards of [1, 2]) {
  for (const transports of [['polling', 'websocket'], ['polling'], ['websocket']]) {
    test(`${shards} shards, ${transports}: who comes back gets what was missed, once and in order, and keeps its id`, async (t) => {
      const server = await started(t, { shards });
      const relay = await Relay.open(t, server);
      const socket = await connected(connect(t, relay, '/alerts', { transports }));
      assert.equal(socket.recovered, false);
      await server.publish(...created(1));
      assert.deepEqual(await event(socket, 'alert:created'), { n: 1 });
      const { id } = socket;
      for (let round = 0; round < 3; round++) {
        relay.to(null);
        await lose(relay, socket);
        for (let n = 0; n < 20; n++) await server.publish(...created(round * 100 + n));
        relay.to(server);
        await reconnected(socket);
        assert.equal(socket.recovered, true);
        assert.equal(socket.id, id);
        for (let n = 0; n < 20; n++) assert.deepEqual(await event(socket, 'alert:created'), { n: round * 100 + n });
        await server.publish(...created(round * 100 + 20));
        assert.deepEqual(await event(socket, 'alert:created'), { n: round * 100 + 20 });
      }
    });
  }
}

test('a client is recovered over a restart of the server with a snapshot, by itself', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sparc-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const env = { WEBSOCKET_SNAPSHOT_FILE: join(folder, 'snapshot') };
  const first = await started(t, { env });
  const relay = await Relay.open(t, first);
  const socket = await connected(connect(t, relay, '/alerts'));
  await first.publish(...created(1));
  await event(socket, 'alert:created');
  const gone = next(socket, 'disconnect');
  relay.to(null);
  await first.stop();
  assert.match((await gone)[0], /^transport (close|error)$/);
  const second = await started(t, { env });
  await second.publish(...created(2));
  relay.to(second);
  await reconnected(socket);
  assert.equal(socket.recovered, true);
  assert.deepEqual(await event(socket, 'alert:created'), { n: 2 });
});

test('a client of a namespace without history comes back without recovery', async (t) => {
  const server = await started(t);
  const relay = await Relay.open(t, server);
  const socket = await connected(connect(t, relay, '/video'));
  await server.publish('video', 'tenant:t1', 'one', {});
  await event(socket, 'one');
  await lose(relay, socket);
  await reconnected(socket);
  assert.equal(socket.recovered, false);
});

test('recovery asks for a valid token again: who has none gets nothing of what was missed', async (t) => {
  const { server, relay, auth, socket } = await met(t);
  relay.to(null);
  await lose(relay, socket);
  await server.publish(...created(2));
  auth.token = 'revoked';
  relay.to(server);
  const error = await next(socket, 'connect_error').then(function skip(found) {
    return found.message === 'Authentication failed' ? found : next(socket, 'connect_error').then(skip);
  });
  assert.equal(error.message, 'Authentication failed');
  assert.deepEqual(socket.inbox.drain().filter(({ name }) => name === 'alert:created'), []);
});

test('a bad token on the way back uses nothing up', async (t) => {
  const { server, relay, auth, socket } = await met(t);
  const refused = next(socket, 'connect_error', 'refusal');
  auth.token = 'broken';
  await lose(relay, socket);
  assert.equal((await refused).message, 'Authentication failed');
  await server.publish(...created(2));
  auth.token = token();
  socket.connect();
  await reconnected(socket);
  assert.equal(socket.recovered, true);
  assert.deepEqual(await event(socket, 'alert:created'), { n: 2 });
});

test('what is sent right behind a connect that recovers waits for it', async (t) => {
  const server = await started(t);
  const service = await server.service(services);
  t.after(() => service.close());
  const speak = (...messages) => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/socket.io/?EIO=4&transport=websocket`);
    const inbox = new Inbox();
    socket.on('message', (data) => inbox.push(data.toString()));
    socket.on('open', () => messages.forEach((message) => socket.send(message)));
    return { socket, starting: async (start) => { for (;;) { const text = await inbox.take(start); if (text.startsWith(start)) return text; } } };
  };
  const first = speak(`40/alerts,${JSON.stringify({ token: token() })}`);
  const { pid } = JSON.parse((await first.starting('40/alerts,')).slice('40/alerts,'.length));
  const offset = JSON.parse((await first.starting('42/alerts,')).slice('42/alerts,'.length)).at(-1);
  first.socket.terminate();
  const second = speak(`40/alerts,${JSON.stringify({ token: token(), pid, offset })}`, '42/alerts,1["echo",{"value":"early"}]');
  assert.ok((await second.starting('40/alerts,')).includes(pid));
  assert.equal(await second.starting('43/alerts,'), '43/alerts,1[{"value":"early"}]');
  second.socket.close();
});

test("another tenant's recovery record is of no use", async (t) => {
  const { server, relay, auth, socket } = await met(t);
  relay.to(null);
  await lose(relay, socket);
  await server.publish(...created(2));
  auth.token = token({ tenantId: 't2', userId: 'u2' });
  relay.to(server);
  await reconnected(socket);
  assert.equal(socket.recovered, false);
  await server.publish('alerts', 'tenant:t2', 'alert:created', { of: 't2' });
  assert.deepEqual(await event(socket, 'alert:created'), { of: 't2' });
});

for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
  test(`${transports}: a drain closes transports, and clients come back by themselves`, async (t) => {
    const first = await started(t, { env: { WEBSOCKET_DRAIN_MS: '400' } });
    const relay = await Relay.open(t, first);
    const sockets = await Promise.all(
      Array.from({ length: 5 }, (_, n) => connected(connect(t, relay, '/video', { transports, claims: { userId: `u${n}` } }))),
    );
    const reasons = Promise.all(sockets.map((socket) => next(socket, 'disconnect')));
    const second = await started(t);
    const service = await second.service(services);
    t.after(() => service.close());
    relay.to(second);
    await first.stop();
    for (const [reason] of await reasons) assert.match(reason, /^transport (close|error)$/);
    await Promise.all(sockets.map(reconnected));
    for (const socket of sockets) assert.deepEqual(await ask(socket, 'echo', { value: 1 }), { value: 1 });
  });
}

test('a draining server goes on delivering until it closes a client', async (t) => {
  const server = await started(t, { env: { WEBSOCKET_DRAIN_MS: '1500' } });
  const socket = await connected(connect(t, server, '/alerts', { reconnection: false }));
  const service = await Native.open(server.port, { 'X-API-Key': 'key-with-all-scopes' });
  const gone = next(socket, 'disconnect');
  server.terminate();
  await service.expect('reconnect');
  await service.ask({ type: 'publish', namespace: 'alerts', room: 'tenant:t1', event: 'late', data: { n: 1 } });
  assert.deepEqual(await event(socket, 'late'), { n: 1 });
  assert.equal((await gone)[0], 'transport close');
  await server.stop();
});
