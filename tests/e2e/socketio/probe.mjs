// What a probe speaks with, and what it writes down: every line that a client of the wire can see, with names in place of what differs
// from run to run.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';

import { Inbox, WebSocket, request, token, within } from './harness.mjs';

/** Headers of an answer that clients and browsers act on. */
const always = ['content-type', 'cache-control', 'content-encoding', 'set-cookie'];
const ofOrigins = ['vary', 'access-control-allow-origin', 'access-control-allow-credentials', 'access-control-allow-methods', 'access-control-allow-headers'];

const kinds = { sid: /^[\w-]{20}$/, pid: /^[\w-]{10,}$/, clientId: /^.{10,}$/, offset: /^.+$/ };

export class Transcript {
  lines = [];
  #names = new Map();
  #counts = {};
  #closing = [];

  constructor(target, id, { recovery = false } = {}) {
    this.target = target;
    this.recovery = recovery; // a text behind an event's arguments is an offset
    this.tenant = `probe-${id}`;
    this.token = token({ tenantId: this.tenant });
  }

  /** What stands for a value from now on: `<sid 1>`, or with a remark where it has an unexpected form. */
  name(kind, value) {
    if (!this.#names.has(value)) {
      this.#counts[kind] = (this.#counts[kind] ?? 0) + 1;
      this.#names.set(value, kinds[kind].test(value) ? `<${kind} ${this.#counts[kind]}>` : `<${kind} of a strange form: ${value}>`);
    }
    return this.#names.get(value);
  }

  /** A packet with names and a visible separator. */
  text(packet) {
    let out = packet;
    for (const [, kind, value] of out.matchAll(/"(sid|pid|clientId)\\?":\\?"([^"\\]*)\\?"/g)) this.name(kind, value);
    const offset = this.recovery && out.match(/^< 42.*,"([^"]*)"\]$/);
    if (offset) this.name('offset', offset[1]);
    for (const [value, name] of this.#names) out = out.replaceAll(`"${value}"`, `"${name}"`).replaceAll(`"${value}\\"`, `"${name}\\"`);
    out = out.replaceAll(this.token, '<token>').replaceAll(this.tenant, '<tenant>').replaceAll('\x1e', ' ␞ ').replace(/\r?\n/g, ' ⏎ ');
    out = out.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '<time>');
    return out.length > 400 ? `${out.slice(0, 100)}… ${out.length} characters` : out;
  }

  line(text) {
    this.lines.push(this.text(text));
  }

  /** `{"token":…}`, the payload of a CONNECT. */
  auth(more = {}) {
    return JSON.stringify({ token: this.token, ...more });
  }

  publish(...message) {
    return this.target.publish(...message);
  }

  /** An event for the probe's tenant with bytes as its argument, or a list of several. */
  publishBytes(namespace, event, ...parts) {
    return this.target.publishBytes(namespace, `tenant:${this.tenant}`, event, parts);
  }

  /** Any request; its answer is written down, with what concerns origins where it names one. */
  async http(method, path, options = {}) {
    const answer = await request(this.target.port, method, path, options);
    const shown = options.headers?.Origin ? [...always, ...ofOrigins] : always;
    const headers = shown.filter((name) => name in answer.headers).map((name) => `; ${name}: ${answer.headers[name]}`);
    this.line(`${method} ${answer.status}${headers.join('')}`);
    if (answer.body && !answer.headers['content-encoding']) this.line(`  ${answer.body}`);
    return answer;
  }

  /** A session that polls, opened. */
  async polling(query = '', options = {}) {
    const session = new Polling(this, query);
    await session.open(options);
    return session;
  }

  /** A WebSocket, with the open packet taken where it is a session of its own. */
  async websocket(query = '', { headers = {}, sid } = {}) {
    const socket = new Socket(this, `/socket.io/?EIO=4&transport=websocket${sid ? `&sid=${sid}` : ''}${query}`, headers);
    this.#closing.push(socket);
    await within(once(socket.socket, 'open'), 'open WebSocket');
    if (!sid) await socket.take();
    return socket;
  }

  /** An upgrade that must fail: status line, content type, body. */
  async refusedUpgrade(path, headers = {}) {
    const socket = net.connect(this.target.port, '127.0.0.1');
    const lines = { Host: 'localhost', Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==', ...headers };
    socket.write(`GET ${path} HTTP/1.1\r\n${Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`, 'latin1');
    let answer = '';
    socket.on('data', (data) => (answer += data.toString('latin1')));
    await within(once(socket, 'close'), 'end of a refused upgrade');
    const [head, body = ''] = answer.split('\r\n\r\n');
    const [status, ...rest] = head.split('\r\n');
    const type = rest.find((header) => header.toLowerCase().startsWith('content-type:'));
    this.line(`${status.replace(/ [A-Z][a-z A-Z]*$/, '')}; ${type?.toLowerCase() ?? 'no content type'}`);
    this.line(`  ${body}`);
  }

  end() {
    for (const each of this.#closing) each.socket.terminate();
  }
}

export class Polling {
  #packets = [];

  constructor(transcript, query) {
    this.t = transcript;
    this.path = `/socket.io/?EIO=4&transport=polling${query}`;
  }

  async open(options) {
    this.#opened(await this.t.http('GET', this.path, options));
  }

  /** The same, not written down. */
  async begin() {
    this.#opened(await request(this.t.target.port, 'GET', this.path));
  }

  #opened(answer) {
    this.sid = JSON.parse(answer.body.slice(1)).sid;
    this.path += `&sid=${this.sid}`;
  }

  get(options) {
    return this.t.http('GET', this.path, options);
  }

  post(body, options = {}) {
    return this.t.http('POST', this.path, { ...options, body });
  }

  /** The next packet, whichever answer it comes in: where payloads are cut is not looked at. Not written down. */
  async next() {
    while (this.#packets.length === 0) {
      const answer = await request(this.t.target.port, 'GET', this.path);
      assert.equal(answer.status, 200, answer.body);
      // A noop only ends a poll: whether there was one to end is a matter of time.
      this.#packets.push(...answer.body.split('\x1e').filter((packet) => packet !== '6'));
    }
    return this.#packets.shift();
  }

  async take() {
    const packet = await this.next();
    this.t.line(`< ${packet}`);
    return packet;
  }

  async send(...packets) {
    const answer = await request(this.t.target.port, 'POST', this.path, { body: packets.join('\x1e') });
    assert.deepEqual([answer.status, answer.body], [200, 'ok']);
  }

  /** CONNECT and the greeting of a namespace. */
  async join(nsp, more) {
    await this.send(`40${nsp},${this.t.auth(more)}`);
    await this.take();
    await this.take();
  }
}

export class Socket {
  #messages = new Inbox();

  constructor(transcript, path, headers) {
    this.t = transcript;
    this.socket = new WebSocket(`ws://127.0.0.1:${transcript.target.port}${path}`, { headers });
    this.socket.on('error', () => {}); // `closed` tells
    this.socket.on('message', (data, binary) => this.#messages.push(binary ? data : data.toString()));
    this.over = once(this.socket, 'close');
    this.over.then(([code]) => this.#messages.push({ code }));
  }

  send(...messages) {
    for (const message of messages) this.socket.send(message);
  }

  /** The next message, or {code} where it closed. Not written down. */
  next() {
    return this.#messages.take('WebSocket message');
  }

  async take() {
    const message = await this.next();
    this.t.line(message.code ? `closed ${message.code}` : `< ${Buffer.isBuffer(message) ? `bytes ${message.toString('hex')}` : message}`);
    return message;
  }

  /** CONNECT and the greeting of a namespace. */
  async join(nsp, more) {
    this.send(`40${nsp},${this.t.auth(more)}`);
    await this.take();
    await this.take();
  }

  /** The session lives: an event is answered. Without a line where it is so. */
  async alive(nsp = '/video') {
    this.send(`42${nsp},4711["echo",{"value":"alive"}]`);
    await this.take();
    await this.take();
  }
}
