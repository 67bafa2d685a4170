// The first TypeScript attempt at the guide: its events on /video, /alerts and /monitoring, and each of its defects, seen to be gone.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Relay, ask, connect, connected, event, lose, reconnected, refused } from './clients.mjs';
import { Native, Server, WebSocket, request, token, within } from './harness.mjs';
import { services } from './services.mjs';

describe('the first attempt', { concurrency: 6 }, () => {
  let server;
  let service;
  before(async () => {
    server = await Server.start();
    service = await server.service(services);
  });
  after(async () => {
    await service?.close();
    await server?.stop();
  });

  const opened = async (t, nsp, claims) => connected(connect(t, server, nsp, { claims }));

  describe('events', { concurrency: 6 }, () => {
    for (const namespace of ['video', 'alerts', 'monitoring']) {
      test(`/${namespace} greets`, async (t) => {
        const socket = await opened(t, `/${namespace}`, { tenantId: 'greeted' });
        const { name, args } = await socket.inbox.take();
        assert.equal(name, 'connected');
        assert.deepEqual([args[0].clientId, args[0].namespace, args[0].tenantId], [socket.id, namespace, 'greeted']);
        assert.match(args[0].timestamp, /^\d{4}-\d\d-\d\dT/);
      });

      test(`/${namespace} answers ping with pong`, async (t) => {
        const socket = await opened(t, `/${namespace}`);
        socket.emit('ping');
        assert.ok((await event(socket, 'pong')).timestamp);
      });
    }

    test('subscribe with channels is answered with those, and narrows', async (t) => {
      const socket = await opened(t, '/monitoring', { tenantId: 'channels' });
      socket.emit('subscribe', { channels: ['incidents'] });
      const { channels, timestamp } = await event(socket, 'subscribed');
      assert.deepEqual(channels, ['incidents']);
      assert.ok(timestamp);
      await server.publish('monitoring', 'tenant:channels', 'system:event', { n: 1 });
      await server.publish('monitoring', 'tenant:channels', 'incident:created', { n: 2 });
      const { name, args } = await socket.inbox.take();
      assert.deepEqual([name, args[0]], ['incident:created', { n: 2 }]);
    });

    test('rooms that a rule allows are entered by subscribe, and left by unsubscribe', async (t) => {
      const socket = await opened(t, '/video', { tenantId: 'rooms' });
      socket.emit('subscribe', { channels: ['camera:7'] });
      await event(socket, 'subscribed');
      await server.publish('video', 'tenant:rooms/camera:7', 'video:motion:detected', { n: 1 });
      assert.deepEqual(await event(socket, 'video:motion:detected'), { n: 1 });
      await ask(socket, 'unsubscribe', { channels: ['camera:7'] });
      await server.publish('video', 'tenant:rooms/camera:7', 'video:motion:detected', { n: 2 });
      await server.publish('video', 'tenant:rooms', 'video:motion:detected', { n: 3 });
      assert.deepEqual(await event(socket, 'video:motion:detected'), { n: 3 });
    });

    for (const [sent, name, data, answer = data] of [
      ['stream:start', 'stream:started', { cameraId: 'c1', quality: 'high' }],
      ['stream:stop', 'stream:stopped', { cameraId: 'c1' }],
      ['recording:start', 'recording:started', { cameraId: 'c1', duration: 60 }],
      ['recording:stop', 'recording:stopped', { cameraId: 'c1' }],
    ]) {
      test(`${sent} is answered with ${name}, by acknowledgement and with ${sent}:response`, async (t) => {
        const socket = await opened(t, '/video', { tenantId: sent.replace(':', '-') });
        const replied = ask(socket, sent, data);
        const seen = {};
        while (!(name in seen) || !(`${sent}:response` in seen)) {
          const { name: found, args } = await socket.inbox.take(name);
          seen[found] = args[0];
        }
        for (const [member, value] of Object.entries(answer)) {
          assert.deepEqual(seen[name][member], value);
          assert.deepEqual(seen[`${sent}:response`][member], value);
          assert.deepEqual((await replied)[member], value);
        }
      });
    }

    test('metrics:subscribe and events:subscribe are answered', async (t) => {
      const socket = await opened(t, '/monitoring', { tenantId: 'metrics' });
      socket.emit('metrics:subscribe', { metrics: ['cpu'], interval: 100 });
      assert.deepEqual((await event(socket, 'metrics:subscribed')).metrics, ['cpu']);
      await server.publish('monitoring', 'tenant:metrics', 'metrics:update', { metric: 'memory', value: 1 });
      await server.publish('monitoring', 'tenant:metrics', 'metrics:update', { metric: 'cpu', value: 2 });
      assert.deepEqual(await event(socket, 'metrics:update'), { metric: 'cpu', value: 2 });
      socket.emit('events:subscribe', { eventTypes: ['incident:created'] });
      assert.deepEqual((await event(socket, 'events:subscribed')).eventTypes, ['incident:created']);
    });

    test('acknowledge tells the whole tenant who did', async (t) => {
      const claims = { tenantId: 'acknowledging' };
      const socket = await opened(t, '/alerts', { ...claims, userId: 'u1' });
      const other = await opened(t, '/alerts', { ...claims, userId: 'u2' });
      socket.emit('acknowledge', { alertId: 'a1' });
      for (const each of [socket, other]) {
        const { alertId, userId } = await event(each, 'alert:acknowledged');
        assert.deepEqual([alertId, userId], ['a1', 'u1']);
      }
    });

    test('what fails is an error event that names the event, beside the acknowledgement', async (t) => {
      const socket = await opened(t, '/video', { tenantId: 'failing' });
      const replied = ask(socket, 'fails', {});
      const error = await event(socket, 'error');
      assert.deepEqual([error.message, error.event], ['not today', 'fails']);
      assert.deepEqual(await replied, { error: { code: 'FORBIDDEN', message: 'not today' } });
    });

    for (const namespace of ['video', 'alerts', 'monitoring']) {
      for (const [what, ...argument] of [['nothing'], ['a text', 'camera:1'], ['no channels', {}], ['channels that are no list', { channels: 'camera:1' }]]) {
        test(`/${namespace} subscribe with ${what} is invalid subscription data`, async (t) => {
          const socket = await opened(t, `/${namespace}`);
          socket.emit('subscribe', ...argument);
          assert.match((await event(socket, 'error')).message, /^Invalid subscription data/);
        });
      }
    }

    test('recording needs a role', async (t) => {
      const socket = await opened(t, '/video', { tenantId: 'roles', roles: ['viewer'] });
      socket.emit('recording:start', { cameraId: 'c1', duration: 1 });
      assert.equal((await event(socket, 'error')).event, 'recording:start');
    });
  });

  describe('defects', { concurrency: 6 }, () => {
    for (const claim of ['tenantId', 'userId']) {
      test(`a token without ${claim} is refused, it joins nothing like tenant:undefined`, async (t) => {
        const error = await refused(connect(t, server, '/alerts', { claims: { [claim]: undefined } }));
        assert.match(error.message, /Authentication failed/);
      });
    }

    test('an event that is sent right after connect is handled', async (t) => {
      for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
        const socket = connect(t, server, '/alerts', { claims: { tenantId: 'at-once' }, transports });
        socket.once('connect', () => socket.emit('subscribe', { alertTypes: ['security'], priorities: ['high'] }));
        await event(socket, 'alerts:subscribed');
      }
    });

    test('an event that was sent before connect is handled', async (t) => {
      const socket = connect(t, server, '/video', { claims: { tenantId: 'before' } });
      assert.deepEqual(await ask(socket, 'echo', { value: 'early' }), { value: 'early' });
    });

    test('subscribe of alerts is handled once: one answer, no error, one rate-limit point', async (t) => {
      // With several shards points are leased from another thread, and a frame may go ahead of the answer.
      const limited = await Server.start({ shards: 1, env: { WEBSOCKET_VIEWS: JSON.stringify([{ name: 'alerts-socketio', rate_limit_options: '3/60s' }]) } });
      t.after(() => limited.stop());
      const socket = await connected(connect(t, limited, '/alerts', { claims: { tenantId: 'once' } }));
      await event(socket, 'connected');
      for (let n = 0; n < 3; n++) {
        socket.emit('subscribe', { alertTypes: ['security'], priorities: ['high'] });
        await event(socket, 'alerts:subscribed');
        assert.deepEqual(socket.inbox.drain().filter(({ name }) => !name.endsWith(':response')), []);
      }
      socket.emit('subscribe', { alertTypes: ['security'], priorities: ['high'] });
      assert.match((await event(socket, 'error')).message, /[Rr]ate limit/);
    });

    test('acknowledgement callbacks are called', async (t) => {
      const socket = await opened(t, '/alerts', { tenantId: 'called' });
      const reply = await ask(socket, 'subscribe', { alertTypes: ['security'], priorities: ['high'] });
      assert.ok(reply && !reply.error, JSON.stringify(reply));
    });

    test('a connection that ends leaves nothing behind, one that stays is not removed', async (t) => {
      const count = async () => {
        const answer = await request(server.port, 'GET', '/api/v1/connections', { headers: { 'X-API-Key': 'key-with-all-scopes' } });
        return answer.body.split('"gone-or-not"').length - 1;
      };
      const stays = await opened(t, '/alerts', { tenantId: 'sets', userId: 'gone-or-not' });
      const relay = await Relay.open(t, server);
      const goes = await connected(connect(t, relay, '/alerts', { claims: { tenantId: 'sets', userId: 'gone-or-not' }, reconnection: false, transports: ['websocket'] }));
      assert.equal(await count(), 2);
      await lose(relay, goes);
      for (let left = 2; left !== 1; left = await count());
      await server.publish('alerts', 'tenant:sets/user:gone-or-not', 'still', {});
      await event(stays, 'still');
    });

    test('startStream, which waits for stream:start:response, is answered', async (t) => {
      const socket = await opened(t, '/video', { tenantId: 'response' });
      socket.emit('stream:start', { cameraId: 'c1', quality: 'high' });
      assert.equal((await event(socket, 'stream:start:response')).cameraId, 'c1');
    });

    test('what is sent to a user reaches that user', async (t) => {
      const socket = await opened(t, '/alerts', { tenantId: 'users', userId: 'u9' });
      const other = await opened(t, '/alerts', { tenantId: 'users', userId: 'u10' });
      await server.publish('alerts', 'tenant:users/user:u9', 'to:user', { n: 1 });
      await server.publish('alerts', 'tenant:users', 'to:all', {});
      assert.deepEqual(await event(socket, 'to:user'), { n: 1 });
      assert.deepEqual((await inOrder(other, 2)), ['connected', 'to:all']);
    });

    test('what is sent to a tenant in monitoring reaches it, with an organization or without', async (t) => {
      const without = await opened(t, '/monitoring', { tenantId: 'reached' });
      const inside = await opened(t, '/monitoring', { tenantId: 'reached', organizationId: 'o1' });
      await server.publish('monitoring', 'tenant:reached', 'security:event', { event: {}, analysis: { riskScore: 10 } });
      for (const socket of [without, inside]) assert.equal((await event(socket, 'security:event')).analysis.riskScore, 10);
    });

    test("types and priorities are filters of one's own tenant, not rooms that all tenants share", async (t) => {
      const one = await opened(t, '/alerts', { tenantId: 'one' });
      const two = await opened(t, '/alerts', { tenantId: 'two' });
      for (const socket of [one, two]) await ask(socket, 'subscribe', { alertTypes: ['security'], priorities: ['high'] });
      await server.publish('alerts', 'tenant:one', 'alert:created', { id: 1, type: 'security', priority: 'low' });
      await server.publish('alerts', 'tenant:one', 'alert:created', { id: 2, type: 'security', priority: 'high' });
      await server.publish('alerts', 'tenant:two', 'alert:created', { id: 3, type: 'security', priority: 'high' });
      assert.equal((await event(one, 'alert:created')).id, 2);
      assert.equal((await event(two, 'alert:created')).id, 3);
    });

    test('a client that answers no pings is closed', async (t) => {
      const quick = await Server.start({ env: quickPings });
      t.after(() => quick.stop());
      const socket = new WebSocket(`${quick.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
      const packets = [];
      socket.on('message', (data) => packets.push(data.toString()));
      socket.on('open', () => socket.send(`40/alerts,${JSON.stringify({ token: token() })}`));
      await within(new Promise((resolve) => socket.once('close', resolve)), 'close of a dead client');
      assert.ok(packets.some((packet) => packet.startsWith('40/alerts,')) && packets.includes('2'), packets.join());
    });

    test('subscriptions survive a reconnect that is recovered', async (t) => {
      const relay = await Relay.open(t, server);
      const socket = await connected(connect(t, relay, '/alerts', { claims: { tenantId: 'survive' } }));
      await ask(socket, 'subscribe', { alertTypes: ['security'], priorities: ['high'] });
      await server.publish('alerts', 'tenant:survive', 'alert:created', { id: 1, type: 'security', priority: 'high' });
      await event(socket, 'alert:created');
      relay.to(null);
      await lose(relay, socket);
      for (const [id, priority] of [[2, 'low'], [3, 'high']]) await server.publish('alerts', 'tenant:survive', 'alert:created', { id, type: 'security', priority });
      relay.to(server);
      await reconnected(socket);
      assert.equal(socket.recovered, true);
      assert.equal((await event(socket, 'alert:created')).id, 3);
      for (const [id, priority] of [[4, 'low'], [5, 'high']]) await server.publish('alerts', 'tenant:survive', 'alert:created', { id, type: 'security', priority });
      assert.equal((await event(socket, 'alert:created')).id, 5);
    });

    test('a publication comes once, whatever rooms it names', async (t) => {
      const claims = { tenantId: 'twice', organizationId: 'o1', userId: 'u1', roles: ['admin'] };
      const socket = await opened(t, '/alerts', claims);
      const native = await Native.open(server.port, { Authorization: `Bearer ${token(claims)}` });
      t.after(() => native.close());
      await native.ask({ type: 'join', namespace: 'alerts' });
      await server.publish('alerts', ['tenant:twice', 'tenant:twice/org:o1', 'tenant:twice/user:u1', 'tenant:twice/role:admin'], 'once', {});
      await server.publish('alerts', 'tenant:twice', 'end', {});
      assert.deepEqual(await inOrder(socket, 3), ['connected', 'once', 'end']);
      assert.deepEqual([(await native.expect('event')).event, (await native.expect('event')).event], ['once', 'end']);
    });
  });
});

const quickPings = { WEBSOCKET_SOCKETIO_PING_INTERVAL_MS: '200', WEBSOCKET_SOCKETIO_PING_TIMEOUT_MS: '200' };

/** The names of the next events. */
async function inOrder(socket, count) {
  const names = [];
  while (names.length < count) {
    const { name } = await socket.inbox.take('event');
    if (name !== 'position') names.push(name);
  }
  return names;
}
