// socket.io-msgpack-parser on both sides.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Relay, ask, connect, connected, event, lose, reconnected, refused } from './clients.mjs';
import { Server, load } from './harness.mjs';
import { services } from './services.mjs';

const parser = load('socket.io-msgpack-parser');

describe('the msgpack parser', { concurrency: 6 }, () => {
  let server;
  let service;
  before(async () => {
    server = await Server.start({ env: { WEBSOCKET_SOCKETIO_PARSER: 'msgpack' } });
    service = await server.service(services);
  });
  after(async () => {
    await service?.close();
    await server?.stop();
  });

  for (const transports of [['polling', 'websocket'], ['polling'], ['websocket']]) {
    test(`${transports}: events, acknowledgements and bytes`, async (t) => {
      const tenantId = `packed-${transports.join('-')}`;
      const socket = await connected(connect(t, server, '/video', { parser, transports, claims: { tenantId } }));
      assert.equal((await event(socket, 'connected')).tenantId, tenantId);
      for (const value of [[], {}, null, true, 0, -1, 127, 128, 65_536, -32_769, 4_294_967_296, 1.5, 'x'.repeat(300), { deep: [{ er: ['ünïcödé'] }] }]) {
        assert.deepEqual(await ask(socket, 'echo', { value }), { value });
      }
      assert.deepEqual(await ask(socket, 'echo', { value: Buffer.from([0, 255, 1]) }), { value: 'bytes 00ff01' });
      assert.deepEqual(await ask(socket, 'mirror', { value: Buffer.from([0, 255, 1]) }), { value: Buffer.from([0, 255, 1]) });
      await server.publish('video', `tenant:${tenantId}`, 'numbers', [1, 1.0, 1e3, -0.5, 9007199254740991]);
      assert.deepEqual(await event(socket, 'numbers'), [1, 1, 1000, -0.5, 9007199254740991]);
      await service.ask({
        type: 'publish', namespace: 'video', room: `tenant:${tenantId}`, event: 'snapshot',
        data: { image: { _placeholder: true, num: 0 } }, attachments: [Buffer.from('image')],
      });
      assert.deepEqual(await event(socket, 'snapshot'), { image: Buffer.from('image') });
    });
  }

  test('connect_error has its data', async (t) => {
    const error = await refused(connect(t, server, '/alerts', { parser, auth: undefined }));
    assert.equal(error.message, 'Missing authentication token');
    assert.equal(typeof error.data.code, 'string');
  });

  test('who comes back is recovered', async (t) => {
    const relay = await Relay.open(t, server);
    const socket = await connected(connect(t, relay, '/alerts', { parser, claims: { tenantId: 'packed' } }));
    await server.publish('alerts', 'tenant:packed', 'alert:created', { n: 1 });
    await event(socket, 'alert:created');
    relay.to(null);
    await lose(relay, socket);
    await server.publish('alerts', 'tenant:packed', 'alert:created', { n: 2 });
    relay.to(server);
    await reconnected(socket);
    assert.equal(socket.recovered, true);
    assert.deepEqual(await event(socket, 'alert:created'), { n: 2 });
  });

  test('bytes that are no packet end that connection alone', async (t) => {
    const socket = await connected(connect(t, server, '/video', { parser, transports: ['websocket'], reconnection: false }));
    const other = await connected(connect(t, server, '/video', { parser, transports: ['websocket'] }));
    const closed = new Promise((resolve) => socket.once('disconnect', resolve));
    socket.io.engine.write(Buffer.from([0xc1, 1, 2, 3]));
    assert.equal(await closed, 'transport close');
    assert.deepEqual(await ask(other, 'echo', { value: 1 }), { value: 1 });
  });
});
