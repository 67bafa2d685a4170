// The clients of the alert and of the video service, which are deployed and stay as they are: Socket.IO on `/` and on `/video`.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { connect, connected, event } from './clients.mjs';
import { Inbox, Native, Server, WebSocket, token } from './harness.mjs';
import { services } from './services.mjs';

describe('old clients', { concurrency: 6 }, () => {
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

  async function root(t, tenantId, claims = {}) {
    const socket = await connected(connect(t, server, '/', { claims: { tenantId, ...claims } }));
    socket.emit('join-tenant', tenantId);
    assert.deepEqual(await event(socket, 'joined-tenant'), { tenantId });
    return socket;
  }

  /** An answer that can only come behind what was asked for before. */
  async function marked(socket) {
    socket.emit('ptz-control', { cameraId: 'mark', command: 'stop' });
    await event(socket, 'ptz-success');
  }

  test('nothing of the tenant comes before join-tenant, everything after it, nothing after leave-tenant', async (t) => {
    const socket = await connected(connect(t, server, '/', { claims: { tenantId: 'gate' } }));
    const witness = await root(t, 'gate', { userId: 'witness' });
    const publish = async (id) => {
      await server.publish('alerts', 'tenant:gate', 'alert:created', { id });
      assert.deepEqual(await event(witness, 'alert:created'), { id });
    };
    await publish('before');
    socket.emit('join-tenant', 'gate');
    await event(socket, 'joined-tenant');
    await publish('between');
    assert.deepEqual(await event(socket, 'alert:created'), { id: 'between' });
    socket.emit('leave-tenant', 'gate');
    await marked(socket);
    await publish('after');
    socket.emit('join-tenant', 'gate');
    await event(socket, 'joined-tenant');
    await publish('again');
    assert.deepEqual(await event(socket, 'alert:created'), { id: 'again' });
  });

  test('another tenant is not joined: an error event says so, and none of its events come', async (t) => {
    const socket = await root(t, 'own');
    socket.emit('join-tenant', 'others');
    const error = await event(socket, 'error');
    assert.equal(typeof error.message, 'string');
    await server.publish('alerts', 'tenant:others', 'alert:created', { id: 'secret' });
    await server.publish('alerts', 'tenant:own', 'alert:created', { id: 'own' });
    assert.deepEqual(await event(socket, 'alert:created'), { id: 'own' });
  });

  for (const [name, argument] of [['nothing', undefined], ['a number', 7], ['an object', { tenantId: 'others' }], ['an empty text', '']]) {
    test(`join-tenant with ${name} is an error event, and the connection stays`, async (t) => {
      const socket = await connected(connect(t, server, '/', { claims: { tenantId: 'odd' } }));
      socket.emit('join-tenant', ...(argument === undefined ? [] : [argument]));
      await event(socket, 'error');
      socket.emit('join-tenant', 'odd');
      await event(socket, 'joined-tenant');
    });
  }

  test('events of alerts are the alert itself', async (t) => {
    const socket = await root(t, 'alerts');
    const alert = { id: 'a1', type: 'security', priority: 'high', tenantId: 'alerts', nested: { n: 1.5 } };
    for (const name of ['alert:created', 'alert:updated', 'alert:acknowledged']) {
      await server.publish('alerts', 'tenant:alerts', name, alert);
      assert.deepEqual(await event(socket, name), alert);
    }
    await server.publish('alerts', 'tenant:alerts', 'alert:deleted', { alertId: 'a1' });
    assert.deepEqual(await event(socket, 'alert:deleted'), { alertId: 'a1' });
  });

  test("events of video have the old service's names", async (t) => {
    const socket = await root(t, 'names');
    for (const [published, name] of [
      ['video:stream:started', 'stream-started'],
      ['video:stream:stopped', 'stream-stopped'],
      ['video:stream:error', 'stream-error'],
      ['video:analytics', 'analytics-event'],
    ]) {
      const data = { streamId: `s-${name}`, cameraId: 'c1', error: 'x' };
      await server.publish('video', 'tenant:names', published, data);
      assert.deepEqual(await event(socket, name), data);
    }
  });

  test('subscribe-stream goes to the video service and is answered with stream-url; the room of the stream is entered', async (t) => {
    const socket = await root(t, 'streams');
    socket.emit('subscribe-stream', { cameraId: 'c7', quality: 'high' });
    assert.deepEqual(await event(socket, 'stream-url'), { cameraId: 'c7', url: 'rtsp://streams.example.com/c7/high' });
    await server.publish('video', 'tenant:streams/stream:c7', 'video:analytics', { cameraId: 'c7', n: 1 });
    assert.deepEqual(await event(socket, 'analytics-event'), { cameraId: 'c7', n: 1 });
    socket.emit('unsubscribe-stream', 'c7');
    await marked(socket);
    await server.publish('video', 'tenant:streams/stream:c7', 'video:analytics', { cameraId: 'c7', n: 2 });
    await server.publish('video', 'tenant:streams', 'video:analytics', { cameraId: 'c8', n: 3 });
    assert.deepEqual(await event(socket, 'analytics-event'), { cameraId: 'c8', n: 3 });
  });

  test('a stream that the service refuses is stream-error, and its room is not entered', async (t) => {
    const socket = await root(t, 'refusing');
    socket.emit('subscribe-stream', { cameraId: 'broken', quality: 'low' });
    const { cameraId, error } = await event(socket, 'stream-error'); // a code may stand beside them
    assert.deepEqual([cameraId, error], ['broken', 'camera is broken']);
    await server.publish('video', 'tenant:refusing/stream:broken', 'video:analytics', { n: 1 });
    await server.publish('video', 'tenant:refusing', 'video:analytics', { n: 2 });
    assert.deepEqual(await event(socket, 'analytics-event'), { n: 2 });
  });

  test('ptz-control is answered with ptz-success or ptz-error', async (t) => {
    const socket = await root(t, 'ptz');
    socket.emit('ptz-control', { cameraId: 'c1', command: 'pan', params: { pan: 10 } });
    assert.deepEqual(await event(socket, 'ptz-success'), { cameraId: 'c1', command: 'pan' });
    socket.emit('ptz-control', { cameraId: 'c1', command: 'pan', params: { pan: 1000 } });
    const { cameraId, error } = await event(socket, 'ptz-error');
    assert.deepEqual([cameraId, error], ['c1', 'pan is out of range']);
  });

  test('a request on `/` before join-tenant is answered too', async (t) => {
    const socket = await connected(connect(t, server, '/', { claims: { tenantId: 'early' } }));
    socket.emit('subscribe-stream', { cameraId: 'c1', quality: 'low' });
    assert.equal((await event(socket, 'stream-url')).cameraId, 'c1');
  });

  test('stream:start on /video is answered', async (t) => {
    const socket = await connected(connect(t, server, '/video', { claims: { tenantId: 'start' } }));
    socket.emit('stream:start', { cameraId: 'c1', quality: 'low' });
    assert.deepEqual(await event(socket, 'stream:started'), { cameraId: 'c1', quality: 'low' });
  });

  test('one publication reaches native clients, Socket.IO clients of every view and plain WebSocket clients, each in its own shape', async (t) => {
    const tenantId = 'shapes';
    const claims = { tenantId, organizationId: 'o1' };
    const native = await Native.open(server.port, { Authorization: `Bearer ${token(claims)}` });
    t.after(() => native.close());
    await native.ask({ type: 'join', namespace: 'monitoring' });
    await native.ask({ type: 'join', namespace: 'alerts' });
    const alerts = await connected(connect(t, server, '/alerts', { claims }));
    const monitoring = await connected(connect(t, server, '/monitoring', { claims }));
    const old = await root(t, tenantId, claims);
    const raw = new WebSocket(`ws://127.0.0.1:${server.port}/security?token=${token(claims)}`);
    const messages = new Inbox();
    raw.on('message', (data) => messages.push(JSON.parse(data)));
    t.after(() => raw.terminate());
    assert.equal((await messages.take()).type, 'connection');

    const alert = { id: 'a1', priority: 'high' };
    await server.publish('alerts', `tenant:${tenantId}`, 'alert:created', alert);
    const frame = await native.expect('event');
    assert.deepEqual([frame.namespace, frame.room, frame.event, frame.data], ['alerts', `tenant:${tenantId}`, 'alert:created', alert]);
    assert.deepEqual(await event(alerts, 'alert:created'), alert);
    assert.deepEqual(await event(old, 'alert:created'), alert);

    const incident = { id: 'i1', severity: 'critical' };
    await server.publish('monitoring', `tenant:${tenantId}`, 'incident:created', incident);
    assert.deepEqual((await native.expect('event')).data, incident);
    assert.deepEqual(await event(monitoring, 'incident:created'), incident);
    assert.deepEqual(await messages.take(), { type: 'incident_created', data: incident });
    await server.publish('video', `tenant:${tenantId}`, 'video:stream:started', { streamId: 's1' });
    assert.deepEqual(await event(old, 'stream-started'), { streamId: 's1' });
  });

  test('tenants are apart on every view', async (t) => {
    const mine = { '/': await root(t, 'mine'), '/alerts': null, '/video': null, '/monitoring': null };
    for (const nsp of ['/alerts', '/video', '/monitoring']) mine[nsp] = await connected(connect(t, server, nsp, { claims: { tenantId: 'mine' } }));
    for (const namespace of ['alerts', 'video', 'monitoring']) {
      for (const room of ['tenant:theirs', 'tenant:theirs/user:u1', 'tenant:theirs/role:operator']) await server.publish(namespace, room, 'secret', {});
      await server.publish(namespace, 'tenant:mine', 'end', { of: namespace });
    }
    for (const [nsp, socket] of Object.entries(mine)) {
      for (let ends = nsp === '/' ? 2 : 1; ends > 0; ) {
        const { name } = await socket.inbox.take('end');
        assert.notEqual(name, 'secret');
        if (name === 'end') ends--;
      }
    }
  });
});
