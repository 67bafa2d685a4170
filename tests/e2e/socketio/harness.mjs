// What the Socket.IO tests share: the real server as a process, tokens, publishing, a service, and what waits for something.
// SPARC_WEBSOCKET names the program; packages are found by NODE_PATH, which an import does not look at.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(import.meta.url);
export const { WebSocket } = require('ws');
export const { io, Manager } = require('socket.io-client');
export const load = require;

export const JWT_SECRET = 'a secret of the end-to-end tests, long enough';
export const API_KEY = 'key-with-all-scopes';
export const ORIGIN = 'https://app.example.com';

/** Of everything that is awaited; generous, because sanitizers and a busy machine are slow. */
export const DEADLINE_MS = Number(process.env.E2E_DEADLINE_MS ?? 30_000);

/** A user's HS256 token. A claim given as undefined is left out. */
export function token(claims = {}, secret = JWT_SECRET) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = { userId: 'u1', tenantId: 't1', roles: ['operator'], exp: Math.floor(Date.now() / 1000) + 3600, ...claims };
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(body)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

/** `promise`, or an error that says what did not come. */
export function within(promise, what, ms = DEADLINE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`in ${ms} ms there was no ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Resolves with what the emitter gives for `event`: its one argument, or a list of several. */
export async function next(emitter, event, what = event) {
  const values = await within(new Promise((resolve) => emitter.once(event, (...args) => resolve(args))), `"${what}"`);
  return values.length > 1 ? values : values[0];
}

/** Values in the order of their arrival, one `take()` each. */
export class Inbox {
  #values = [];
  #waiting = [];

  push(value) {
    const waiter = this.#waiting.shift();
    if (waiter) waiter(value);
    else this.#values.push(value);
  }

  take(what = 'message') {
    if (this.#values.length) return Promise.resolve(this.#values.shift());
    return within(new Promise((resolve) => this.#waiting.push(resolve)), what);
  }

  /** What is there already. */
  drain() {
    return this.#values.splice(0);
  }
}

/** One HTTP request on a connection of its own. */
export function request(port, method, path, { headers = {}, body, signal } = {}) {
  return within(
    new Promise((resolve, reject) => {
      const asked = http.request({ host: '127.0.0.1', port, method, path, headers, agent: false, signal }, (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('error', reject);
        answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, bytes: Buffer.concat(parts), body: Buffer.concat(parts).toString() }));
      });
      asked.on('error', reject);
      asked.end(body);
    }),
    `answer to ${method} ${path}`,
  );
}

/** The program, on a free port of the loopback address. */
export class Server {
  static async start({ shards = 2, env = {}, args = [] } = {}) {
    assert.ok(process.env.SPARC_WEBSOCKET, 'SPARC_WEBSOCKET must name the server program');
    const server = new Server();
    server.process = spawn(process.env.SPARC_WEBSOCKET, ['serve', '--host', '127.0.0.1', '--port', '0', '--shards', String(shards), ...args], {
      env: {
        PATH: process.env.PATH,
        ...Object.fromEntries(Object.entries(process.env).filter(([name]) => name.endsWith('SAN_OPTIONS'))),
        JWT_SECRET,
        WEBSOCKET_API_KEY: API_KEY,
        WEBSOCKET_DRAIN_MS: '200',
        CORS_ORIGINS: ORIGIN,
        WEBSOCKET_VIEWS: JSON.stringify(['alerts', 'video', 'monitoring'].map((name) => ({ name: `${name}-socketio`, rate_limit_options: 'off' }))),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    server.log = '';
    server.process.stderr.on('data', (text) => (server.log += text));
    server.exited = once(server.process, 'exit');
    const lines = createInterface({ input: server.process.stdout });
    try {
      const line = await within(Promise.race([once(lines, 'line').then(([text]) => text), server.exited.then(() => null)]), 'ready line');
      ({ port: server.port } = JSON.parse(line));
    } catch (error) {
      server.process.kill('SIGKILL');
      throw new Error(`the server did not start: ${error}\n${server.log}`);
    }
    server.url = `http://127.0.0.1:${server.port}`;
    return server;
  }

  /** SIGTERM, once: a second one does not wait for clients. */
  terminate() {
    if (!this.terminated) this.process.kill('SIGTERM');
    this.terminated = true;
  }

  /** Until it has ended well. */
  async stop() {
    this.terminate();
    const ended = await within(this.exited, 'end of the server').catch((error) => {
      this.process.kill('SIGKILL');
      throw error;
    });
    assert.deepEqual(ended, [0, null], this.log.slice(-8000));
    assert.doesNotMatch(this.log, /Sanitizer|runtime error/);
  }

  async publish(namespace, room, event, data, more = {}) {
    const body = { namespace, ...(Array.isArray(room) ? { rooms: room } : { room }), event, data, ...more };
    const answer = await request(this.port, 'POST', '/api/v1/broadcast', { headers: { 'X-API-Key': API_KEY }, body: JSON.stringify(body) });
    assert.equal(answer.status, 200, answer.body);
    return JSON.parse(answer.body);
  }

  /** An event whose argument is a list of bytes: what JSON over HTTP cannot carry. */
  async publishBytes(namespace, room, event, parts) {
    const service = await Native.open(this.port, { 'X-API-Key': API_KEY });
    const data = parts.map((_, num) => ({ _placeholder: true, num }));
    await service.ask({ type: 'publish', namespace, room, event, data, attachments: parts });
    await service.close();
  }

  /** A service that answers client events. `handlers`: name → (data, call) → reply, or an Error with `code`. */
  service(handlers, options) {
    return Service.open(this.port, handlers, options);
  }
}

/** A native client or service: frames by type, replies by id. */
export class Native {
  static async open(port, headers, path = '/ws') {
    const client = new Native();
    client.frames = new Inbox();
    client.asked = new Map();
    client.socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, 'sparc.v1.json', { headers });
    client.closed = once(client.socket, 'close').then(([code, reason]) => ({ code, reason: reason.toString() }));
    client.socket.on('error', () => {}); // `closed` tells
    client.socket.on('message', (data, binary) => {
      for (const frame of binary ? [decodeBinary(data)] : [JSON.parse(data)].flat()) client.#arrived(frame);
    });
    await within(once(client.socket, 'open'), 'native connection');
    await client.expect('welcome');
    return client;
  }

  #arrived(frame) {
    if (frame.type === 'ping') this.send({ type: 'pong' });
    else if (this.on?.(frame)) return;
    else if (this.asked.has(frame.id)) this.asked.get(frame.id)(frame);
    else this.frames.push(frame);
  }

  send(frame) {
    const { attachments = [], ...header } = frame;
    if (attachments.length === 0) this.socket.send(JSON.stringify(header));
    else this.socket.send(encodeBinary(header, attachments));
  }

  /** The next frame of a type; others before it are left out. */
  async expect(type) {
    for (;;) {
      const frame = await this.frames.take(`frame "${type}"`);
      if (frame.type === type) return frame;
      assert.notEqual(frame.type, 'error', JSON.stringify(frame));
    }
  }

  /** Several may be on their way at once: each has an id of its own. */
  async ask(frame) {
    const id = (this.id = (this.id ?? 0) + 1);
    const answered = new Promise((resolve) => this.asked.set(id, resolve));
    this.send({ ...frame, id });
    const answer = await within(answered, `reply to ${JSON.stringify(frame)}`).finally(() => this.asked.delete(id));
    assert.equal(answer.type, 'reply', JSON.stringify(answer));
    return answer.data;
  }

  async close() {
    this.socket.close(1000, 'done');
    return within(this.closed, 'close of a native connection');
  }
}

class Service {
  static async open(port, handlers, { group = 'e2e', key = API_KEY } = {}) {
    const native = await Native.open(port, { 'X-API-Key': key });
    native.on = (frame) => {
      if (frame.type !== 'invoke') return false;
      Promise.resolve()
        .then(() => handlers[frame.event](frame.data, frame))
        .then(
          (reply) => native.send({ type: 'result', callId: frame.callId, ...splitAttachments(reply) }),
          (error) => native.send({ type: 'result', callId: frame.callId, error: { code: error.code ?? 'INTERNAL', message: error.message } }),
        );
      return true;
    };
    await native.ask({ type: 'handle', group, events: Object.keys(handlers) });
    return native;
  }
}

/** `undefined` is no data; Buffers become attachments. */
function splitAttachments(value) {
  if (value === undefined) return {};
  const attachments = [];
  const walk = (part) => {
    if (Buffer.isBuffer(part)) return { _placeholder: true, num: attachments.push(part) - 1 };
    if (Array.isArray(part)) return part.map(walk);
    if (part && typeof part === 'object') return Object.fromEntries(Object.entries(part).map(([name, member]) => [name, walk(member)]));
    return part;
  };
  const data = walk(value);
  return attachments.length ? { data, attachments } : { data };
}

function encodeBinary(header, attachments) {
  const text = Buffer.from(JSON.stringify({ ...header, attachments: attachments.map((part) => part.length) }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text, ...attachments]);
}

/** A binary message, with its attachments back in their places. In a reply to `ask` each answer has its own. */
function decodeBinary(message) {
  const size = message.readUInt32BE(0);
  const header = JSON.parse(message.subarray(4, 4 + size));
  let at = 4 + size;
  const filled = ({ attachments = [], ...frame }) => {
    const parts = attachments.map((length) => message.subarray(at, (at += length)));
    const walk = (part) => {
      if (Array.isArray(part)) return part.map(walk);
      if (!part || typeof part !== 'object') return part;
      if (part._placeholder) return parts[part.num];
      return Object.fromEntries(Object.entries(part).map(([name, member]) => [name, walk(member)]));
    };
    return walk(frame);
  };
  if (header.type !== 'reply' || header.attachments) return filled(header);
  return { ...header, data: { ...header.data, answers: header.data.answers.map(filled) } };
}
