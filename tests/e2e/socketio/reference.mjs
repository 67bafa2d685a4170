// The published Socket.IO server with the application that this server's Socket.IO views are: tokens, tenants, greetings, answers of a
// service. What the probes see of both must be the same.

import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

import { API_KEY, JWT_SECRET, ORIGIN, load } from './harness.mjs';
import { described } from './services.mjs';

const { Server } = load('socket.io');

const namespaces = ['/alerts', '/video', '/monitoring'];

function claims(text) {
  const [head, body, signature] = text.split('.');
  const right = createHmac('sha256', JWT_SECRET).update(`${head}.${body}`).digest('base64url') === signature;
  return right ? JSON.parse(Buffer.from(body, 'base64url').toString()) : null;
}

function refusal(message, detail = message) {
  return Object.assign(new Error(message), { data: { code: 'UNAUTHENTICATED', message: detail } });
}

function authenticate(socket, next) {
  const { auth, query, headers } = socket.handshake;
  const text = auth.token ?? query.token ?? headers.authorization?.replace(/^Bearer /, '');
  if (!text) return next(refusal('Missing authentication token'));
  const identity = claims(String(text));
  if (!identity) return next(refusal('Authentication failed', 'The token is malformed: it must have three parts.'));
  socket.data = identity;
  next();
}

/** What a service of the tests answers to a client event (services.mjs is the same for this server). */
function answer(socket, name, args) {
  const acknowledge = typeof args.at(-1) === 'function' ? args.pop() : () => {};
  let reply = { value: described(args[0]?.value) };
  if (name === 'silent') reply = {};
  else if (name === 'mirror') reply = { value: args[0]?.value };
  else if (name !== 'echo') {
    const fault = { code: 'NO_HANDLER', message: 'no service handles this event' };
    socket.emit('error', { ...fault, event: name });
    reply = { error: fault };
  }
  socket.emit(`${name}:response`, reply);
  acknowledge(reply);
}

/** `port`, `publish`, `stop`, as a Server of the harness has them. */
export async function startReference({ recovery = false, parser, ...options } = {}) {
  const web = createServer((asked, answer) => answer.writeHead(404).end());
  const server = new Server(web, {
    cors: { origin: [ORIGIN], credentials: true },
    maxHttpBufferSize: 1_000_000,
    ...(recovery ? { connectionStateRecovery: {} } : {}),
    ...(parser ? { parser } : {}),
    ...options,
  });
  for (const name of namespaces) {
    server.of(name).use(authenticate);
    server.of(name).on('connection', (socket) => {
      const { tenantId } = socket.data;
      socket.join(`tenant:${tenantId}`);
      socket.emit('connected', { clientId: socket.id, namespace: name.slice(1), tenantId, timestamp: new Date().toISOString() });
      socket.onAny((event, ...args) => answer(socket, String(event), args));
      socket.on('error', () => {}); // of the parser; the connection is closed
    });
  }
  server.use(authenticate);
  server.on('connection', (socket) => {
    socket.on('join-tenant', (tenantId) => {
      socket.join(`tenant:${tenantId}`);
      socket.emit('joined-tenant', { tenantId });
    });
    socket.on('leave-tenant', (tenantId) => socket.leave(`tenant:${tenantId}`));
    socket.on('error', () => {});
  });
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  return {
    apiKey: API_KEY,
    port: web.address().port,
    async publish(namespace, room, event, data, { args = [] } = {}) {
      server.of(`/${namespace}`).to(room).emit(event, data, ...args);
    },
    async publishBytes(namespace, room, event, parts) {
      server.of(`/${namespace}`).to(room).emit(event, parts);
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      web.closeAllConnections(); // some polls are given up, not answered
      await closed;
    },
  };
}
