// From polling to WebSocket.

import { request } from '../harness.mjs';

/** A polling session in /video and a WebSocket with its id, which nothing was sent on. */
async function both(t) {
  const session = await t.polling();
  await session.join('/video');
  return [session, await t.websocket('', { sid: session.sid })];
}

async function upgraded(t) {
  const [session, socket] = await both(t);
  socket.send('2probe');
  await socket.take();
  socket.send('5');
  await socket.alive();
  return [session, socket];
}

export default {
  async 'upgrade'(t) {
    const [session, socket] = await upgraded(t);
    await t.publish('video', `tenant:${t.tenant}`, 'later', { n: 1 });
    await socket.take();
    void session;
  },

  async 'upgrade-flushes-the-poll'(t) {
    const [session, socket] = await both(t);
    const poll = request(t.target.port, 'GET', session.path);
    socket.send('2probe');
    await socket.take();
    t.line(`poll: ${(await poll).body}`);
    socket.send('5');
    await socket.alive();
  },

  async 'upgrade-takes-what-waits'(t) {
    const [session, socket] = await both(t);
    socket.send('2probe');
    await socket.take();
    await session.send('42/video,5["echo",{"value":"over polling"}]');
    // What answers comes by the poll that asks, as long as the client has not said that it moves.
    await session.take();
    await session.take();
    socket.send('5');
    await socket.alive();
  },

  async 'polling-after-an-upgrade'(t) {
    const [session, socket] = await upgraded(t);
    await session.get();
    await session.post('42/video,["echo"]');
    await socket.alive();
  },

  async 'upgrade-without-a-probe'(t) {
    const [session, socket] = await both(t);
    socket.send('42/video,["echo"]');
    await socket.take();
    await session.send('42/video,1["echo",{"value":"still there"}]');
    await session.take();
    await session.take();
  },

  async 'upgrade-with-another-ping'(t) {
    const [session, socket] = await both(t);
    socket.send('2something');
    await socket.take();
    await session.send('42/video,1["echo",{"value":"still there"}]');
    await session.take();
  },

  async 'upgrade-given-up'(t) {
    const [session, socket] = await both(t);
    socket.send('2probe');
    await socket.take();
    socket.socket.close();
    await socket.take();
    await session.send('42/video,1["echo",{"value":"still there"}]');
    await session.take();
    await session.take();
    const again = await t.websocket('', { sid: session.sid });
    again.send('2probe');
    await again.take();
    again.send('5');
    await again.alive();
  },

  async 'second-upgrade-meanwhile'(t) {
    const [session, socket] = await both(t);
    socket.send('2probe');
    await socket.take();
    const second = await t.websocket('', { sid: session.sid });
    await second.take();
    socket.send('5');
    await socket.alive();
  },

  async 'second-upgrade-afterwards'(t) {
    const [session, socket] = await upgraded(t);
    const second = await t.websocket('', { sid: session.sid });
    await second.take();
    await socket.alive();
  },
};
