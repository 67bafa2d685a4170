// Pings, with intervals that a test can wait for.

export default {
  async 'websocket-heartbeat'(t) {
    const socket = await t.websocket();
    for (let n = 0; n < 2; n++) {
      await socket.take();
      socket.send('3');
    }
    await socket.take();
  },

  async 'polling-heartbeat'(t) {
    const session = await t.polling();
    for (let n = 0; n < 2; n++) {
      await session.take();
      await session.send('3');
    }
    await session.take();
  },

  async 'websocket-without-pong'(t) {
    const socket = await t.websocket();
    await socket.take();
    await socket.take();
  },

  async 'polling-without-pong'(t) {
    const session = await t.polling();
    await session.take();
    await session.take();
    await session.get();
  },

  async 'data-is-no-pong'(t) {
    const socket = await t.websocket();
    await socket.join('/video');
    await socket.take();
    await socket.alive();
    await socket.take();
  },
};
