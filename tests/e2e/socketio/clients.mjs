// socket.io-client as applications use it, what it gets in order, and a relay that can lose connections.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';

import { Inbox, io, next, token, within } from './harness.mjs';

/** A client that ends with the test. Its `inbox` has {name, args} of every event, from the first on. */
export function connect(t, server, nsp = '/', { claims, make = io, ...options } = {}) {
  const socket = make(`${server.url}${nsp}`, {
    auth: { token: token(claims) },
    forceNew: true,
    reconnectionDelay: 20,
    reconnectionDelayMax: 200,
    ...options,
  });
  socket.inbox = new Inbox();
  socket.onAny((name, ...args) => socket.inbox.push({ name, args }));
  t.after(() => socket.disconnect());
  return socket;
}

/** Connected; an error of the connection fails the test. */
export async function connected(socket) {
  if (socket.connected) return socket;
  const outcome = await within(
    new Promise((resolve) => {
      socket.once('connect', () => resolve(null));
      socket.once('connect_error', resolve);
    }),
    'connect',
  );
  assert.equal(outcome, null);
  return socket;
}

/** Connected again: attempts that fail meanwhile are nobody's fault. */
export async function reconnected(socket) {
  if (!socket.connected) await next(socket, 'connect', 'reconnect');
}

/** Cuts until the client has noticed: one that polls has moments without a connection. Its reason. */
export async function lose(relay, socket) {
  const lost = next(socket, 'disconnect');
  const cutting = setInterval(() => relay.cut(), 10);
  relay.cut();
  const [reason] = await lost.finally(() => clearInterval(cutting));
  assert.match(reason, /^transport (close|error)$/);
}

/** The first argument of the next event of a name; others before it are left out. */
export async function event(socket, name) {
  for (;;) {
    const found = await socket.inbox.take(`event "${name}"`);
    if (found.name === name) return found.args[0];
  }
}

/** What a client whose connection is refused is told. */
export function refused(socket) {
  return next(socket, 'connect_error');
}

/** An event with an acknowledgement: what it was answered with. */
export function ask(socket, name, ...args) {
  return within(new Promise((resolve) => socket.emit(name, ...args, resolve)), `acknowledgement of "${name}"`);
}

/** After this, whatever the server sent to the client before has arrived. */
export async function settled(socket) {
  await ask(socket, 'echo', { value: 'settled' });
}

/** A port of its own in front of a server that may change; cuts what goes through it. */
export class Relay {
  #sockets = new Set();

  static async open(t, server) {
    const relay = new Relay();
    relay.to(server);
    relay.listener = net.createServer((inner) => relay.#connect(inner));
    relay.listener.listen(0, '127.0.0.1');
    await once(relay.listener, 'listening');
    relay.url = `http://127.0.0.1:${relay.listener.address().port}`;
    t.after(() => {
      relay.listener.close();
      relay.cut();
    });
    return relay;
  }

  /** New connections go there; null: they are refused. */
  to(server) {
    this.port = server?.port ?? null;
  }

  cut() {
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect(inner) {
    inner.on('error', () => {});
    if (this.port === null) return inner.destroy();
    const outer = net.connect(this.port, '127.0.0.1');
    outer.on('error', () => {});
    for (const [one, other] of [[inner, outer], [outer, inner]]) {
      this.#sockets.add(one);
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
    inner.setNoDelay(true);
    outer.setNoDelay(true);
    inner.pipe(outer).pipe(inner);
  }
}
