// As much of sparc.v1 and of Socket.IO as the generator uses, and faults on purpose:
// node mock.mjs none|lose|duplicate|reorder|announce|array|forbid
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { WebSocketServer } from 'ws';

const fault = process.argv[2];
const every = 50; // the fault happens once in so many publications, or replies
const members = new Map(); // namespace → connections
const http = createServer();
const server = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const io = new Server(http, { destroyUpgrade: false, allowUpgrades: false, serveClient: false, pingInterval: 200, pingTimeout: 1000 });
let published = 0;
let replied = 0;
let held; // by `reorder` and `array`

function verified(token) {
  const [head, claims, signature] = (token ?? '').split('.');
  const wanted = createHmac('sha256', process.env.JWT_SECRET).update(`${head}.${claims}`).digest('base64url');
  return signature === wanted ? JSON.parse(Buffer.from(claims, 'base64url')) : undefined;
}

// What becomes of a publication's frame: [] … [frame, frame].
function faulty(frame, strike) {
  const frames = held ? [frame, held] : [frame];
  held = undefined;
  if (strike) {
    if (fault === 'lose') frames.pop();
    if (fault === 'duplicate') frames.push(frame);
    if (fault === 'reorder' || fault === 'array') held = frames.pop();
    if (fault === 'announce') frames[0] = { type: 'gap', namespace: frame.namespace, room: frame.room, count: 1, reason: 'dropped' };
  }
  return frames;
}

function deliver({ namespace, room, event, data }) {
  const frame = { type: 'event', namespace, room, event, id: String(published), offset: published, data };
  const frames = faulty(frame, ++published % every === 0);
  const texts = frames.map((one) => JSON.stringify(one));
  if (fault === 'array' && texts.length === 2) texts.splice(0, 2, `[${texts[1]},${texts[0]}]`);
  for (const text of texts) for (const member of members.get(namespace) ?? []) member.send(text);
  for (const { type, count, event: name, data: payload } of frames) {
    if (type === 'gap') io.of('/alerts').emit('gap', { count });
    else io.of('/alerts').emit(name, payload, 'epoch:1');
  }
}

function reply(client, id, data) {
  for (const one of faulty({ id }, ++replied % every === 0)) client.send(JSON.stringify({ type: 'reply', id: one.id, data }));
}

function handle(client, identity, frame) {
  if (frame.type === 'publish') return deliver(frame);
  if (frame.type === 'event') return reply(client, frame.id, frame.data);
  if (frame.type !== 'join') return undefined;
  if (fault === 'forbid') return client.send(JSON.stringify({ type: 'error', id: frame.id, error: { code: 'FORBIDDEN' } }));
  if (!members.has(frame.namespace)) members.set(frame.namespace, new Set());
  if (identity.tenantId === 't1') members.get(frame.namespace).add(client);
  return client.send(JSON.stringify({ type: 'reply', id: frame.id, data: { rooms: frame.rooms ?? [] } }));
}

server.on('connection', (client, request) => {
  client.on('error', () => {});
  client.on('close', () => members.forEach((set) => set.delete(client)));
  if (request.url === '/echo') return client.on('message', (data, binary) => client.send(data, { binary }));
  const service = request.headers['x-api-key'] === process.env.WEBSOCKET_API_KEY;
  const identity = service ? {} : verified(request.headers.authorization?.replace('Bearer ', ''));
  if (!identity) return client.close(1008, 'UNAUTHENTICATED');
  client.send(JSON.stringify({ type: 'welcome', connectionId: 'c' }));
  client.send(JSON.stringify({ type: 'ping' }));
  return client.on('message', (data) => [JSON.parse(data)].flat().forEach((frame) => handle(client, identity, frame)));
});

// The published server's place: its publisher is a Socket.IO client too.
io.on('connection', (socket) => {
  if (socket.handshake.query.role !== 'publish') socket.join('all');
  socket.on('publish', (data) => {
    for (const one of faulty({ data }, ++published % every === 0)) io.to('all').emit('message', one.data);
  });
  socket.on('echo', (data, answer) => {
    if (!answer) return socket.emit('echo', data);
    for (const one of faulty({ answer }, ++replied % every === 0)) one.answer(data);
    return undefined;
  });
});

// Ours: the namespace of a service, a token in CONNECT.
io.of('/alerts').use((socket, next) => next(verified(socket.handshake.auth.token) ? undefined : new Error('Authentication failed')));
io.of('/alerts').on('connection', (socket) => socket.emit('connected', {}, 'epoch:0'));

http.on('upgrade', (request, socket, head) => {
  if (request.url.startsWith('/socket.io/')) return;
  server.handleUpgrade(request, socket, head, (client) => server.emit('connection', client, request));
});
http.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ event: 'listening', port: http.address().port })));
