// uWebSockets: its own topics. No authentication, no sessions, no history.
import uws from '@trufflesuite/uws-js-unofficial';

const common = {
  compression: uws.DISABLED,
  idleTimeout: 0,
  sendPingsAutomatically: false,
  maxBackpressure: 64 * 1024 * 1024,
  maxPayloadLength: 1024 * 1024,
};
const app = uws.App();

app.ws('/subscribe', { ...common, open: (client) => client.subscribe('all') });
app.ws('/publish', { ...common, message: (_client, data, binary) => app.publish('all', data, binary) });
app.ws('/echo', { ...common, message: (client, data, binary) => client.send(data, binary) });

app.listen('127.0.0.1', 0, (socket) => {
  if (!socket) throw new Error('cannot listen');
  console.log(JSON.stringify({ event: 'listening', port: uws.us_socket_local_port(socket) }));
});
