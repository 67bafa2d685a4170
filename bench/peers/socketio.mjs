// Socket.IO: all subscribers in one room. Tuned as its documentation advises: no compression, and no request kept per connection.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const http = createServer();
const io = new Server(http, { perMessageDeflate: false, httpCompression: false, allowUpgrades: false, serveClient: false });

io.on('connection', (socket) => {
  const { role } = socket.handshake.query;
  socket.conn.request = null;
  if (role === 'publish') {
    socket.on('publish', (payload) => io.to('all').emit('message', payload));
  } else if (role === 'echo') {
    socket.on('echo', (data, reply) => (reply ? reply(data) : socket.emit('echo', data)));
  } else {
    socket.join('all');
  }
});

http.listen(0, '127.0.0.1', 4096, () => {
  console.log(JSON.stringify({ event: 'listening', port: http.address().port }));
});
