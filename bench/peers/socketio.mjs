// Socket.IO, WebSocket transport only, all subscribers in one room.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const http = createServer();
const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false, serveClient: false });

io.on('connection', (socket) => {
  const { role } = socket.handshake.query;
  if (role === 'publish') {
    socket.on('publish', (payload) => io.to('all').emit('message', payload));
  } else if (role === 'echo') {
    socket.on('echo', (text) => socket.emit('echo', text));
  } else {
    socket.join('all');
  }
});

http.listen(0, '127.0.0.1', 4096, () => {
  console.log(JSON.stringify({ event: 'listening', port: http.address().port }));
});
