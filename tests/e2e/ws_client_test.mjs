// A client of another make: npm `ws` against the real server. Run by Node's test runner; SPARC_WEBSOCKET names the program.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';

const { WebSocket } = createRequire(import.meta.url)('ws'); // found by NODE_PATH, which an import does not look at

const secret = 'a secret of the end-to-end tests, long enough';
const apiKey = 'key-with-all-scopes';
let server;
let port;

function token(userId = 'u1', tenantId = 't1') {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'HS256' })}.${part({ userId, tenantId, roles: [], exp: Math.floor(Date.now() / 1000) + 600 })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

/** Frames in the order of their arrival, one `next()` each. */
class Client {
  #frames = [];
  #waiting = [];

  constructor(protocols, options) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, protocols, options);
    this.closed = once(this.socket, 'close').then(([code, reason]) => ({ code, reason: reason.toString() }));
    this.socket.on('message', (data, binary) => {
      const frame = binary ? { type: 'binary', data } : JSON.parse(data.toString());
      const waiter = this.#waiting.shift();
      if (waiter) waiter(frame);
      else this.#frames.push(frame);
    });
  }

  next() {
    return this.#frames.length ? Promise.resolve(this.#frames.shift()) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  async expect(type) {
    const frame = await this.next();
    assert.equal(frame.type, type, JSON.stringify(frame));
    return frame;
  }

  send(frame) {
    this.socket.send(JSON.stringify(frame));
  }

  async end() {
    this.socket.close(1000, 'done');
    return this.closed;
  }
}

async function publish(body) {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/broadcast`, {
    method: 'POST',
    headers: { 'X-API-Key': apiKey },
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 200);
  return answer.json();
}

before(async () => {
  server = spawn(process.env.SPARC_WEBSOCKET, ['serve', '--host', '127.0.0.1', '--port', '0', '--drain-ms', '100'], {
    env: { ...process.env, JWT_SECRET: secret, WEBSOCKET_API_KEY: apiKey, WEBSOCKET_DEFLATE_ENABLED: 'true', WEBSOCKET_DEFLATE_THRESHOLD_BYTES: '64' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(server.stdout, 'data');
  ({ port } = JSON.parse(line.toString()));
});

after(async () => {
  const exited = once(server, 'exit');
  server.kill('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
});

const headers = { Authorization: `Bearer ${token()}` };

for (const perMessageDeflate of [false, true]) {
  test(`a client ${perMessageDeflate ? 'with' : 'without'} compression joins, and gets what is published`, async () => {
    const client = new Client('sparc.v1.json', { headers, perMessageDeflate });
    await client.expect('welcome');
    assert.equal(client.socket.protocol, 'sparc.v1.json');
    assert.equal(client.socket.extensions.includes('permessage-deflate'), perMessageDeflate);
    client.send({ type: 'join', id: 1, namespace: 'alerts' });
    assert.ok((await client.expect('reply')).data.rooms.includes('tenant:t1'));
    const data = { text: 'again and again '.repeat(1000), n: 1 };
    const { offset } = await publish({ namespace: 'alerts', room: 'tenant:t1', event: 'alert:created', data });
    const event = await client.expect('event');
    assert.deepEqual([event.offset, event.data], [offset, data]);
    assert.equal((await client.end()).code, 1000);
  });
}

test('a token as subprotocol is accepted and the native one selected', async () => {
  const client = new Client(['sparc.v1.json', `bearer.${token('browser')}`]);
  assert.equal((await client.expect('welcome')).userId, 'browser');
  assert.equal(client.socket.protocol, 'sparc.v1.json');
  await client.end();
});

test('pings are answered with their payload', async () => {
  const client = new Client('sparc.v1.json', { headers });
  await client.expect('welcome');
  client.socket.ping('are you there');
  const [payload] = await once(client.socket, 'pong');
  assert.equal(payload.toString(), 'are you there');
  await client.end();
});

test('a refused token closes with 1008 and a reason', async () => {
  const client = new Client('sparc.v1.json', { headers: { Authorization: 'Bearer broken' } });
  const { error } = await client.expect('error');
  assert.equal(error.code, 'UNAUTHENTICATED');
  assert.deepEqual(await client.closed, { code: 1008, reason: error.message });
});

test('a message in fragments is one message', async () => {
  const client = new Client('sparc.v1.json', { headers });
  await client.expect('welcome');
  for (const [text, fin] of [['{"type":"join",', false], ['"id":1,', false], ['"namespace":"alerts"}', true]]) client.socket.send(text, { fin });
  assert.equal((await client.expect('reply')).id, 1);
  await client.end();
});

test('attachments arrive as binary messages', async () => {
  const client = new Client('sparc.v1.json', { headers });
  await client.expect('welcome');
  client.send({ type: 'join', id: 1, namespace: 'video' });
  await client.expect('reply');
  const service = new Client('sparc.v1.json', { headers: { 'X-API-Key': apiKey } });
  await service.expect('welcome');
  const image = Buffer.from([0, 255, 1, 2]);
  const header = Buffer.from(
    JSON.stringify({
      type: 'publish', id: 1, namespace: 'video', room: 'tenant:t1', event: 'snapshot',
      data: { _placeholder: true, num: 0 }, attachments: [image.length],
    }),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32BE(header.length);
  service.socket.send(Buffer.concat([length, header, image]));
  assert.deepEqual((await service.expect('reply')).data, {});
  const { data } = await client.expect('binary');
  const size = data.readUInt32BE(0);
  assert.deepEqual(JSON.parse(data.subarray(4, 4 + size)).attachments, [4]);
  assert.deepEqual(data.subarray(4 + size), image);
  await Promise.all([client.end(), service.end()]);
});
