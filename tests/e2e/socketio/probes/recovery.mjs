// Connection state recovery.

/** A WebSocket in /alerts that has had one event: what a client must know to come back. */
async function met(t) {
  const socket = await t.websocket();
  socket.send(`40/alerts,${t.auth()}`);
  const { pid } = JSON.parse((await socket.take()).replace('40/alerts,', ''));
  await socket.take();
  await t.publish('alerts', `tenant:${t.tenant}`, 'alert:created', { id: 'first' });
  const offset = await until(socket, 'first');
  return { socket, pid, offset };
}

/** Takes until an event whose data holds `id`; its offset. What comes before may be in another order elsewhere. */
async function until(socket, id) {
  for (;;) {
    const message = await socket.take();
    if (message.includes(`"${id}"`)) return JSON.parse(message.slice(message.indexOf('['))).at(-1);
  }
}

async function lost({ socket }) {
  socket.socket.terminate();
  await socket.over;
}

async function missed(t, ...ids) {
  for (const id of ids) await t.publish('alerts', `tenant:${t.tenant}`, 'alert:created', { id });
}

async function back(t, { pid, offset, token = t.token }) {
  const socket = await t.websocket();
  socket.send(`40/alerts,${JSON.stringify({ token, pid, offset })}`);
  return socket;
}

const refused = (change, answers = 2) => async (t) => {
  const known = await met(t);
  await lost(known);
  await missed(t, 'missed');
  const socket = await back(t, { ...known, ...change });
  for (let n = 0; n < answers; n++) await socket.take();
};

export default {
  async 'events-carry-offsets'(t) {
    const { socket } = await met(t);
    await t.publish('alerts', `tenant:${t.tenant}`, 'alert:deleted', { alertId: 'first' });
    await until(socket, 'first');
  },

  async 'recovery'(t) {
    const known = await met(t);
    await lost(known);
    await missed(t, 'second', 'third');
    const socket = await back(t, known);
    for (let n = 0; n < 4; n++) await socket.take();
    await missed(t, 'fourth');
    await until(socket, 'fourth');
  },

  async 'recovery-twice'(t) {
    const known = await met(t);
    await lost(known);
    await missed(t, 'second');
    const once = await back(t, known);
    for (let n = 0; n < 3; n++) await once.take();
    await missed(t, 'third');
    const offset = await until(once, 'third');
    await lost({ socket: once });
    await missed(t, 'fourth');
    const twice = await back(t, { ...known, offset });
    await until(twice, 'fourth');
  },

  async 'recovery-with-nothing-missed'(t) {
    const known = await met(t);
    await lost(known);
    const socket = await back(t, known);
    await socket.take();
  },

  'recovery-of-an-unknown-pid': refused({ pid: 'AAAAAAAAAAAAAAAAAAAA' }),
  'recovery-of-an-unknown-offset': refused({ offset: 'nonsense' }),
  'recovery-without-an-offset': refused({ offset: undefined }),
  'recovery-with-a-bad-token': refused({ token: 'broken' }, 1),
  'recovery-with-pid-a-number': refused({ pid: 7 }),

  async 'recovery-after-a-disconnect'(t) {
    const known = await met(t);
    known.socket.send('41/alerts,');
    known.socket.send(`40/video,${t.auth()}`); // answered behind it
    await known.socket.take();
    await lost(known);
    await missed(t, 'missed');
    const socket = await back(t, known);
    await socket.take();
  },

  async 'recovery-while-connected'(t) {
    const known = await met(t);
    const socket = await back(t, known);
    await socket.take();
    await socket.take();
  },

  async 'recovery-over-polling'(t) {
    const known = await met(t);
    await lost(known);
    await missed(t, 'second');
    const session = await t.polling();
    await session.send(`40/alerts,${JSON.stringify({ token: t.token, pid: known.pid, offset: known.offset })}`);
    for (let n = 0; n < 3; n++) await session.take();
  },
};
