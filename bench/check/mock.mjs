// As much of sparc.v1 as the generator uses, and faults on purpose:
// node mock.mjs none|lose|duplicate|reorder|announce|array|forbid
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const fault = process.argv[2];
const every = 50; // the fault happens once in so many publications
const members = new Map(); // namespace → connections
const http = createServer();
const server = new WebSocketServer({ server: http, perMessageDeflate: false });
let published = 0;
let held; // by `reorder` and `array`

function verified(header) {
  const [head, claims, signature] = (header ?? '').replace('Bearer ', '').split('.');
  const wanted = createHmac('sha256', process.env.JWT_SECRET).update(`${head}.${claims}`).digest('base64url');
  return signature === wanted ? JSON.parse(Buffer.from(claims, 'base64url')) : undefined;
}

function deliver({ namespace, room, event, data }) {
  const text = JSON.stringify({ type: 'event', namespace, room, event, id: String(published), offset: published, data });
  const strike = ++published % every === 0;
  const frames = [text];
  if (held) frames.splice(0, 1, fault === 'array' ? `[${held},${text}]` : text, ...(fault === 'array' ? [] : [held]));
  held = undefined;
  if (strike) {
    if (fault === 'lose') frames.pop();
    if (fault === 'duplicate') frames.push(text);
    if (fault === 'reorder' || fault === 'array') held = frames.pop();
    if (fault === 'announce') frames[0] = JSON.stringify({ type: 'gap', namespace, room, count: 1, reason: 'dropped' });
  }
  for (const frame of frames) for (const member of members.get(namespace) ?? []) member.send(frame);
}

function handle(client, identity, frame) {
  if (frame.type === 'publish') return deliver(frame);
  if (frame.type === 'event') return client.send(JSON.stringify({ type: 'reply', id: frame.id, data: {} }));
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
  const identity = service ? {} : verified(request.headers.authorization);
  if (!identity) return client.close(1008, 'UNAUTHENTICATED');
  client.send(JSON.stringify({ type: 'welcome', connectionId: 'c' }));
  client.send(JSON.stringify({ type: 'ping' }));
  return client.on('message', (data) => [JSON.parse(data)].flat().forEach((frame) => handle(client, identity, frame)));
});

http.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ event: 'listening', port: http.address().port })));
