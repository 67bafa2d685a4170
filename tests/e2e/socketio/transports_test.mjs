// socket.io-client over each of its transports, on one shard and on two, where polls of a session arrive at either.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Relay, ask, connect, connected, event, lose, reconnected, settled } from './clients.mjs';
import { ORIGIN, Server, load, next, request, token, within } from './harness.mjs';
import { services } from './services.mjs';

const transports = { 'by default': undefined, 'polling alone': ['polling'], 'WebSocket alone': ['websocket'] };
const makes = {
  'the newest client': load('socket.io-client').io,
  'the client 4.0.0': load('socket.io-client-lowest').io,
};

for (const shards of [1, 2]) {
  describe(`on ${shards} shard${shards > 1 ? 's' : ''}`, { concurrency: 6 }, () => {
    let server;
    let service;
    before(async () => {
      server = await Server.start({ shards });
      service = await server.service(services);
    });
    after(async () => {
      await service?.close();
      await server?.stop();
    });

    for (const [maker, make] of Object.entries(makes)) {
      for (const [how, list] of Object.entries(transports)) {
        test(`${maker}, ${how}: events and acknowledgements, text and bytes, both ways`, async (t) => {
          const claims = { tenantId: `both-${maker.length}-${how.length}` };
          const socket = await connected(connect(t, server, '/video', { make, claims, transports: list }));
          const greeting = await event(socket, 'connected');
          assert.deepEqual([greeting.clientId, greeting.namespace, greeting.tenantId], [socket.id, 'video', claims.tenantId]);
          assert.ok(Date.parse(greeting.timestamp) > 0);
          if (list === undefined && socket.io.engine.transport.name !== 'websocket') await next(socket.io.engine, 'upgrade');
          assert.equal(socket.io.engine.transport.name, how === 'polling alone' ? 'polling' : 'websocket');

          assert.deepEqual(await ask(socket, 'echo', { value: ['ünïcödé', 1.5, null, { deep: [true] }] }), { value: ['ünïcödé', 1.5, null, { deep: [true] }] });
          assert.deepEqual(await ask(socket, 'echo', { value: [Buffer.from([0, 255, 1]), { deep: Buffer.from('x') }] }), { value: ['bytes 00ff01', { deep: 'bytes 78' }] });
          const large = Buffer.alloc(300_000, 7);
          const mirrored = await ask(socket, 'mirror', { value: [large, { deep: Buffer.from('x') }, 'text'] });
          assert.deepEqual(mirrored, { value: [large, { deep: Buffer.from('x') }, 'text'] });
          assert.deepEqual(await ask(socket, 'echo', { value: large }), { value: '300000 bytes, all 7: true' });

          await server.publish('video', `tenant:${claims.tenantId}`, 'video:motion:detected', { cameraId: '7', confidence: 0.5 });
          assert.deepEqual(await event(socket, 'video:motion:detected'), { cameraId: '7', confidence: 0.5 });
          await service.ask({
            type: 'publish', namespace: 'video', room: `tenant:${claims.tenantId}`, event: 'snapshot',
            data: { image: { _placeholder: true, num: 0 } }, attachments: [large],
          });
          assert.ok((await event(socket, 'snapshot')).image.equals(large));
        });
      }
    }

    test('under traffic an upgrade loses nothing, doubles nothing and keeps the order, in both directions', async (t) => {
      const tenantId = 'upgrading';
      const sockets = await Promise.all(Array.from({ length: 8 }, () => connected(connect(t, server, '/video', { claims: { tenantId } }))));
      const upgrades = sockets.map(({ io: { engine } }) => (engine.transport.name === 'websocket' ? null : next(engine, 'upgrade')));
      const count = 150;
      const numbers = Array.from({ length: count }, (_, n) => n);
      const publishing = (async () => {
        for (const n of numbers) await server.publish('video', `tenant:${tenantId}`, 'numbered', { n });
      })();
      const asking = sockets.map(async (socket) => {
        const answered = [];
        await Promise.all(numbers.map(async (n) => {
          // In the client's own pace: a few at a time, so that some are sent before, in and after the upgrade.
          if (n % 10 === 0) await new Promise(setImmediate);
          answered.push((await ask(socket, 'echo', { value: n })).value);
        }));
        return answered;
      });
      for (const answered of await Promise.all(asking)) assert.deepEqual(answered.toSorted((a, b) => a - b), numbers);
      await publishing;
      await Promise.all(upgrades);
      for (const socket of sockets) {
        await settled(socket);
        const got = socket.inbox.drain().filter(({ name }) => name === 'numbered').map(({ args }) => args[0].n);
        assert.deepEqual(got, numbers);
        assert.equal(socket.io.engine.transport.name, 'websocket');
      }
    });

    test('many namespaces are on one connection, and each has its own events', async (t) => {
      const options = { forceNew: false, multiplex: true, query: { of: 'this test' } };
      const sockets = ['/alerts', '/video', '/monitoring'].map((nsp) => connect(t, server, nsp, { ...options, claims: { tenantId: 'many' } }));
      await Promise.all(sockets.map(connected));
      assert.equal(new Set(sockets.map((socket) => socket.io.engine.id)).size, 1);
      assert.equal(new Set(sockets.map((socket) => socket.id)).size, 3);
      for (const namespace of ['monitoring', 'video', 'alerts']) await server.publish(namespace, 'tenant:many', `to:${namespace}`, {});
      for (const socket of sockets) {
        const namespace = socket.nsp.slice(1);
        await event(socket, `to:${namespace}`);
        assert.deepEqual(socket.inbox.drain().filter(({ name }) => name.startsWith('to:')), []);
      }
      const [alerts, video] = sockets;
      alerts.disconnect();
      assert.deepEqual(await ask(video, 'echo', { value: 1 }), { value: 1 });
    });

    for (const [how, list] of Object.entries(transports)) {
      test(`${how}: a client whose transport is lost comes back by itself and goes on`, async (t) => {
        const relay = await Relay.open(t, server);
        const tenantId = `lost-${how.length}`;
        const socket = await connected(connect(t, relay, '/video', { claims: { tenantId }, transports: list }));
        if (list === undefined && socket.io.engine.transport.name !== 'websocket') await next(socket.io.engine, 'upgrade');
        await lose(relay, socket);
        const unsent = ask(socket, 'echo', { value: 'while away' });
        await reconnected(socket);
        assert.deepEqual(await unsent, { value: 'while away' });
        await server.publish('video', `tenant:${tenantId}`, 'again', { n: 1 });
        assert.deepEqual(await event(socket, 'again'), { n: 1 });
      });
    }

    test('an acknowledgement that takes too long ends in the time that the client set', async (t) => {
      const socket = await connected(connect(t, server, '/video', { claims: { tenantId: 'late' } }));
      const error = await within(new Promise((resolve) => socket.timeout(50).emit('never', {}, resolve)), 'timeout');
      assert.equal(error.message, 'operation has timed out');
      assert.deepEqual(await socket.timeout(20_000).emitWithAck('echo', { value: 1 }), { value: 1 });
    });

    test('the retries of a client do not double what was answered', async (t) => {
      const socket = await connected(connect(t, server, '/video', { claims: { tenantId: 'retries' }, retries: 3, ackTimeout: 20_000 }));
      const answers = [];
      await Promise.all([1, 2, 3].map((value) => new Promise((resolve) => socket.emit('echo', { value }, (error, reply) => resolve(answers.push([error, reply.value]))))));
      assert.deepEqual(answers, [[null, 1], [null, 2], [null, 3]]);
    });

    test('a client that leaves is gone, on the server too', async (t) => {
      const socket = await connected(connect(t, server, '/alerts', { claims: { tenantId: 'leaving' } }));
      const other = await connected(connect(t, server, '/alerts', { claims: { tenantId: 'leaving', userId: 'other' } }));
      socket.disconnect();
      await settled(other);
      await server.publish('alerts', 'tenant:leaving', 'alert:created', { id: 1 });
      await event(other, 'alert:created');
    });

    test('a token may be in the query or in a header', async (t) => {
      const claims = { tenantId: 'elsewhere', userId: 'u7', organizationId: 'o1', roles: ['admin'] };
      const text = token(claims);
      for (const options of [{ auth: undefined, query: { token: text } }, { auth: undefined, extraHeaders: { Authorization: `Bearer ${text}` } }]) {
        for (const list of Object.values(transports)) {
          const socket = await connected(connect(t, server, '/video', { ...options, transports: list }));
          assert.deepEqual(await ask(socket, 'who', {}), { userId: 'u7', tenantId: 'elsewhere', organizationId: 'o1', roles: ['admin'], socket: 'string' });
          socket.disconnect();
        }
      }
    });

    test('a client that offers subprotocols is answered with the first', async (t) => {
      const socket = await connected(connect(t, server, '/video', { transports: ['websocket'], protocols: ['of.the.application', 'another'] }));
      assert.equal(socket.io.engine.transport.ws.protocol, 'of.the.application');
    });

    test('the name of an event is as long as limits.event_name_bytes_max allows', async (t) => {
      const socket = await connected(connect(t, server, '/video', { claims: { tenantId: 'names' } }));
      for (const name of ['e'.repeat(257), '', 'bell\u0007']) assert.equal((await ask(socket, name, {})).error.code, 'BAD_REQUEST');
      assert.equal((await ask(socket, 'e'.repeat(256), {})).error.code, 'NO_HANDLER');
    });

    test('identity that a client puts into an event is replaced by that of its token', async (t) => {
      const socket = await connected(connect(t, server, '/video', { claims: { tenantId: 'honest', userId: 'u1' } }));
      const who = await ask(socket, 'who', { userId: 'root', tenantId: 'other', roles: ['admin'] });
      assert.deepEqual(who, { userId: 'u1', tenantId: 'honest', roles: ['operator'], socket: 'string' });
    });

    test('the auth function of a client is asked again before each reconnect', async (t) => {
      const relay = await Relay.open(t, server);
      let asked = 0;
      const auth = (give) => give({ token: token({ tenantId: 'asked', userId: `u${++asked}` }) });
      const socket = await connected(connect(t, relay, '/video', { auth, transports: ['websocket'] }));
      assert.equal((await ask(socket, 'who', {})).userId, 'u1');
      await lose(relay, socket);
      await reconnected(socket);
      assert.equal((await ask(socket, 'who', {})).userId, 'u2');
    });

    test('limits.message_bytes_max bounds these clients too, and they are told', async (t) => {
      const small = await Server.start({ env: { WEBSOCKET_MAX_PAYLOAD_SIZE: '4096' } });
      t.after(() => small.stop());
      const answer = await request(small.port, 'GET', '/socket.io/?EIO=4&transport=polling');
      assert.equal(JSON.parse(answer.body.slice(1)).maxPayload, 4096);
      const socket = await connected(connect(t, small, '/video', { transports: ['websocket'], reconnection: false }));
      const lost = next(socket, 'disconnect');
      socket.emit('echo', 'x'.repeat(5000));
      assert.equal((await lost)[0], 'transport close');
    });

    test('of polls that wait for the same publication each gets it whole, with headers for its own origin', async () => {
      const path = '/socket.io/?EIO=4&transport=polling';
      const clients = await Promise.all([{}, { Origin: ORIGIN }, {}, { Origin: server.url }].map(async (headers, index) => {
        const { sid } = JSON.parse((await request(server.port, 'GET', path, { headers })).body.slice(1));
        const poll = () => request(server.port, 'GET', `${path}&sid=${sid}`, { headers });
        const body = `40/alerts,${JSON.stringify({ token: token({ tenantId: 'same', userId: `u${index}` }) })}`;
        await request(server.port, 'POST', `${path}&sid=${sid}`, { headers: { ...headers, 'Content-Type': 'text/plain' }, body });
        for (let said = ''; !said.includes('["connected"'); said = (await poll()).body);
        return { headers, answer: poll() };
      }));
      await server.publish('alerts', 'tenant:same', 'alert:created', { id: 1, text: 'x'.repeat(200) });
      for (const { headers, answer } of clients) {
        const { status, headers: got, body } = await answer;
        assert.equal(status, 200);
        assert.equal(got['access-control-allow-origin'], headers.Origin);
        assert.match(body, /^42\/alerts,\["alert:created",\{"id":1,"text":"x{200}"\},"[^"]+:1"\]$/);
      }
    });
  });
}
