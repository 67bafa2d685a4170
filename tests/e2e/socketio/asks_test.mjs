// Services ask socket.io-client for acknowledgements: `socket.on(event, (…, callback) => callback(…))`.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { connect, connected, event, settled } from './clients.mjs';
import { Native, Server, load, next, token } from './harness.mjs';
import { services } from './services.mjs';

const transports = { 'by default': undefined, 'polling alone': ['polling'], 'WebSocket alone': ['websocket'] };
const makes = { 'the newest client': load('socket.io-client').io, 'the client 4.0.0': load('socket.io-client-lowest').io };

for (const parser of [undefined, load('socket.io-msgpack-parser')]) {
  describe(parser ? 'with the msgpack parser' : 'with the default parser', { concurrency: 6 }, () => {
    let server;
    let service;
    before(async () => {
      server = await Server.start({ env: parser ? { WEBSOCKET_SOCKETIO_PARSER: 'msgpack' } : {} });
      service = await server.service(services);
    });
    after(async () => {
      await service?.close();
      await server?.stop();
    });

    const ask = (frame) => service.ask({ type: 'ask', namespace: 'video', ...frame }).then(({ answers }) => answers);

    for (const [maker, make] of Object.entries(parser ? { 'the newest client': makes['the newest client'] } : makes)) {
      for (const [how, list] of Object.entries(transports)) {
        test(`${maker}, ${how}: the callback's arguments are the answer, bytes among them`, async (t) => {
          const claims = { userId: 'asked', tenantId: `ask-${maker.length}-${how.length}` };
          const socket = await connected(connect(t, server, '/video', { make, claims, transports: list, ...(parser && { parser }) }));
          if (list === undefined && socket.io.engine.transport.name !== 'websocket') await next(socket.io.engine, 'upgrade');
          const room = `tenant:${claims.tenantId}`;

          socket.on('sum', (list, more, callback) => callback(list.reduce((a, b) => a + b, more)));
          const [{ connectionId, ...sum }] = await ask({ room, event: 'sum', data: [1, 2], args: [3.5] });
          assert.deepEqual(sum, { userId: 'asked', tenantId: claims.tenantId, data: 6.5 });

          socket.on('several', (_, callback) => callback('ünïcödé', null, { deep: [true] }));
          assert.deepEqual(await ask({ connectionId, event: 'several' }).then(([{ data, args }]) => [data, args]), ['ünïcödé', [null, { deep: [true] }]]);

          socket.on('nothing', (_, callback) => callback());
          assert.deepEqual(await ask({ room, event: 'nothing' }), [{ connectionId, userId: 'asked', tenantId: claims.tenantId }]);

          const large = Buffer.alloc(200_000, 7);
          socket.on('mirror', ({ image }, callback) => callback({ image, more: [Buffer.from('x')] }, Buffer.from([0, 255])));
          const [mirrored] = await ask({ room, event: 'mirror', data: { image: { _placeholder: true, num: 0 } }, attachments: [large] });
          assert.deepEqual(mirrored.data, { image: large, more: [Buffer.from('x')] });
          assert.deepEqual(mirrored.args, [Buffer.from([0, 255])]);
        });
      }
    }

    test('who has no listener, and who leaves, is told apart from who answers; a late answer and a second one change nothing', async (t) => {
      const tenantId = 'several-clients';
      const options = (userId, transports) => ({ claims: { userId, tenantId }, transports, ...(parser && { parser }) });
      const [answers, silent, leaves, twice] = await Promise.all([
        connected(connect(t, server, '/video', options('answers', ['polling']))),
        connected(connect(t, server, '/video', options('silent', ['websocket']))),
        connected(connect(t, server, '/video', { ...options('leaves', ['websocket']), reconnection: false })),
        connected(connect(t, server, '/video', options('twice', ['websocket']))),
      ]);
      const native = await Native.open(server.port, { authorization: `Bearer ${token({ userId: 'native', tenantId })}` });
      await native.ask({ type: 'join', namespace: 'video' });
      native.on = (frame) => {
        if (frame.type !== 'invoke') return false;
        assert.deepEqual([frame.namespace, frame.event, frame.data], ['video', 'ready?', { n: 1 }]);
        native.send({ type: 'result', callId: frame.callId, data: 'native' });
        return true;
      };
      answers.on('ready?', (_, callback) => callback('yes'));
      leaves.on('ready?', () => leaves.disconnect());
      let late;
      silent.on('ready?', (_, callback) => (late = callback));
      twice.on('ready?', (_, callback) => {
        callback('first');
        callback('second');
      });
      const found = Object.fromEntries((await ask({ room: `tenant:${tenantId}`, event: 'ready?', data: { n: 1 }, timeoutMs: 1500 }))
        .map(({ userId, data, error }) => [userId, data ?? error.code]));
      assert.deepEqual(found, { answers: 'yes', silent: 'TIMEOUT', leaves: 'UNAVAILABLE', twice: 'first', native: 'native' });
      late('too late');
      await settled(silent);
      assert.equal(silent.connected, true);
      await native.close();
    });

    test('questions and events of one client keep to their own, in both directions at once', async (t) => {
      const tenantId = 'both-at-once';
      const socket = await connected(connect(t, server, '/video', { claims: { tenantId }, ...(parser && { parser }) }));
      socket.on('double', (n, callback) => callback(2 * n));
      const numbers = Array.from({ length: 60 }, (_, n) => n);
      const questions = numbers.map((n) => ask({ room: `tenant:${tenantId}`, event: 'double', data: n }).then(([{ data }]) => data));
      const events = numbers.map((n) => new Promise((resolve) => socket.emit('echo', { value: n }, ({ value }) => resolve(value))));
      assert.deepEqual(await Promise.all(questions), numbers.map((n) => 2 * n));
      assert.deepEqual(await Promise.all(events), numbers);
    });

    test('a question is not an event: nobody is sent it again after a reconnect', async (t) => {
      const tenantId = 'not-kept';
      const socket = await connected(connect(t, server, '/alerts', { claims: { tenantId }, ...(parser && { parser }) }));
      socket.on('once', (_, callback) => callback('now'));
      await server.publish('alerts', `tenant:${tenantId}`, 'alert:created', { n: 1 });
      await event(socket, 'alert:created');
      const [answer] = await service.ask({ type: 'ask', namespace: 'alerts', room: `tenant:${tenantId}`, event: 'once' }).then(({ answers }) => answers);
      assert.equal(answer.data, 'now');
      socket.inbox.drain();
      const again = next(socket, 'connect');
      socket.io.engine.close();
      await again;
      assert.equal(socket.recovered, true);
      await server.publish('alerts', `tenant:${tenantId}`, 'alert:created', { n: 2 });
      assert.deepEqual(await event(socket, 'alert:created'), { n: 2 });
      assert.deepEqual(socket.inbox.drain().filter(({ name }) => name === 'once'), []);
    });
  });
}

test('a key without `read` does not learn who is there', async () => {
  const server = await Server.start({ env: { WEBSOCKET_API_KEYS: JSON.stringify([{ name: 'publisher', key: 'a-key-that-publishes', scopes: ['publish'] }]) } });
  const service = await Native.open(server.port, { 'X-API-Key': 'a-key-that-publishes' });
  const refused = new Promise((resolve) => (service.on = (frame) => frame.type === 'error' && (resolve(frame), true)));
  service.send({ type: 'ask', id: 1, namespace: 'video', room: 'tenant:t1', event: 'q' });
  assert.equal((await refused).error.code, 'FORBIDDEN');
  await service.close();
  await server.stop();
});
