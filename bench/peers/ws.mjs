// `ws` on Node: every connection of /subscribe gets what a connection of /publish sends; /echo returns what it reads.
// The frame is built once per publication and written to each socket: the fastest way to fan out that `ws` has.
import { createServer } from 'node:http';
import { WebSocket, WebSocketServer, Sender } from 'ws';

const subscribers = new Set();
const http = createServer();
const server = new WebSocketServer({ server: http, perMessageDeflate: false });

function publish(data, binary) {
  const options = { fin: true, rsv1: false, opcode: binary ? 2 : 1, mask: false, readOnly: true };
  const frame = Buffer.concat(Sender.frame(data, options));
  for (const client of subscribers) {
    if (client.readyState === WebSocket.OPEN) client._socket.write(frame);
  }
}

server.on('connection', (client, request) => {
  client.on('error', () => {});
  if (request.url === '/publish') {
    client.on('message', publish);
  } else if (request.url === '/echo') {
    client.on('message', (data, binary) => client.send(data, { binary }));
  } else {
    subscribers.add(client);
    client.on('close', () => subscribers.delete(client));
  }
});

http.listen(0, '127.0.0.1', 4096, () => {
  console.log(JSON.stringify({ event: 'listening', port: http.address().port }));
});
