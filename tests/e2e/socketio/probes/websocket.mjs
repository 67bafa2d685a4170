// WebSocket as transport: what an Engine.IO packet does there.

async function after(t, ...messages) {
  const socket = await t.websocket();
  await socket.join('/video');
  socket.send(...messages);
  return socket;
}

const closing = (...messages) => async (t) => {
  await (await after(t, ...messages)).take();
};

const ignored = (...messages) => async (t) => {
  await (await after(t, ...messages)).alive();
};

export default {
  'websocket-connect': ignored(),
  'websocket-ping-of-a-client': closing('2'),
  'websocket-pong-unasked': ignored('3'),
  'websocket-close-packet': ignored('1'),
  'websocket-noop-packet': ignored('6'),
  'websocket-upgrade-packet': ignored('5'),
  'websocket-open-packet': ignored('0'),
  'websocket-packet-of-no-type': closing('9'),
  'websocket-packet-of-a-letter': closing('x'),
  'websocket-empty-message': closing(''),
  'websocket-message-too-large': closing(`42/video,["echo","${'x'.repeat(1_000_000)}"]`),
  'websocket-binary-unexpected': closing(Buffer.from([1, 2, 3])),

  async 'websocket-binary'(t) {
    const socket = await after(t, '452-/video,9["echo",{"value":[{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]}]', Buffer.from('first'), Buffer.from('second'));
    for (let n = 0; n < 2; n++) await socket.take();
    await t.publishBytes('video', 'snapshot', Buffer.from([0, 255, 1]), Buffer.from('x'));
    for (let n = 0; n < 3; n++) await socket.take();
  },

  async 'websocket-binary-as-base64'(t) {
    const socket = await after(t, '451-/video,9["echo",{"value":{"_placeholder":true,"num":0}}]', 'bAQID');
    for (let n = 0; n < 2; n++) await socket.take();
  },

  async 'websocket-ping-frame'(t) {
    const socket = await after(t);
    socket.socket.ping('are you there');
    await new Promise((resolve) => socket.socket.once('pong', resolve));
    await socket.alive();
  },

  async 'websocket-closed-by-the-client'(t) {
    const socket = await after(t);
    socket.socket.close(1000);
    await socket.take();
  },

  async 'published-event'(t) {
    const socket = await after(t);
    await t.publish('video', `tenant:${t.tenant}`, 'video:motion:detected', { cameraId: '7', text: 'ünïcödé "quoted"', n: 1.5 });
    await socket.take();
  },
};
