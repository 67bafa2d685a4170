// Socket.IO protocol 5: namespaces, events, acknowledgements, and what a decoder refuses.

const closing = (...messages) => async (t) => {
  const socket = await t.websocket();
  await socket.join('/video');
  socket.send(...messages);
  await socket.take();
};

const alive = (...messages) => async (t) => {
  const socket = await t.websocket();
  await socket.join('/video');
  socket.send(...messages);
  await socket.alive();
};

const take = async (socket, count) => {
  for (let n = 0; n < count; n++) await socket.take();
};

const placeholders = (count) => Array.from({ length: count }, (_, num) => ({ _placeholder: true, num }));

export default {
  async 'connect-errors'(t) {
    const socket = await t.websocket();
    for (const packet of ['40/alerts,', '40/alerts,{"token":"broken"}', '40/alerts,{}', '40/nope,', '40/nope,{"token":"x"}']) {
      socket.send(packet);
      await socket.take();
    }
    await socket.join('/alerts');
  },

  async 'token-in-the-query'(t) {
    const socket = await t.websocket(`&token=${t.token}`);
    socket.send('40/alerts,');
    await take(socket, 2);
  },

  async 'token-in-a-header'(t) {
    const socket = await t.websocket('', { headers: { Authorization: `Bearer ${t.token}` } });
    socket.send('40/alerts,');
    await take(socket, 2);
  },

  async 'namespace-with-a-query'(t) {
    const socket = await t.websocket();
    socket.send(`40/alerts?token=${t.token},`);
    await socket.take();
  },

  async 'many-namespaces'(t) {
    const socket = await t.websocket();
    await socket.join('/alerts');
    await socket.join('/video');
    await socket.join('/monitoring');
    await t.publish('monitoring', `tenant:${t.tenant}`, 'system:event', { n: 1 });
    await socket.take();
    await t.publish('alerts', `tenant:${t.tenant}`, 'alert:created', { id: 'a1' });
    await socket.take();
  },

  async 'root-namespace'(t) {
    const socket = await t.websocket();
    socket.send(`40${t.auth()}`);
    await socket.take();
    socket.send(`42["join-tenant","${t.tenant}"]`);
    await socket.take();
  },

  async 'connect-twice'(t) {
    const socket = await t.websocket();
    await socket.join('/video');
    socket.send(`40/video,${t.auth()}`);
    await socket.take();
  },

  'event-where-not-joined': closing('42/alerts,["echo"]'),
  'disconnect-where-not-joined': closing('41/alerts,', '42/video,["echo",{"value":1}]'),
  'connect-error-of-a-client': closing('44/video,{"message":"x"}'),

  async 'leave-and-join-again'(t) {
    const socket = await t.websocket();
    await socket.join('/alerts');
    await socket.join('/video');
    socket.send('41/video,');
    await socket.alive('/alerts');
    await socket.join('/video');
    await socket.alive();
  },

  async 'leave-one-of-two'(t) {
    const socket = await t.websocket();
    await socket.join('/alerts');
    await socket.join('/video');
    socket.send('41/alerts,');
    await socket.alive();
    socket.send('42/alerts,["echo"]');
    await socket.take();
  },

  async 'binary-acknowledgements'(t) {
    const socket = await t.websocket();
    await socket.join('/video');
    socket.send('452-/video,7["mirror",{"value":[{"_placeholder":true,"num":0},1.5,{"deep":{"_placeholder":true,"num":1}}]}]', Buffer.from([0, 255]), Buffer.from('x'));
    await take(socket, 6);
    socket.send('42/video,8["mirror",{"value":"none"}]');
    await take(socket, 2);
  },

  async 'binary-acknowledgements-over-polling'(t) {
    const session = await t.polling();
    await session.join('/video');
    await session.send('451-/video,7["mirror",{"value":{"_placeholder":true,"num":0}}]', 'bAQID');
    await take(session, 4);
  },

  async 'acknowledgements'(t) {
    const socket = await t.websocket();
    await socket.join('/video');
    socket.send('42/video,0["echo",{"value":[1,"two",null,{"three":3}]}]');
    await take(socket, 2);
    socket.send('42/video,9007199254740991["echo",{"value":1}]');
    await take(socket, 2);
    socket.send('42/video,["echo",{"value":"without"}]');
    await socket.take();
  },

  async 'acknowledgement-of-an-error'(t) {
    const socket = await t.websocket();
    await socket.join('/video');
    socket.send('42/video,3["nobody-handles-this",{}]');
    await take(socket, 3);
  },

  'acknowledgement-nobody-asked-for': alive('43/video,77["x"]', '43/video,1[]'),
  'acknowledgement-without-id': alive('43/video,["x"]'),

  async 'events-keep-their-order'(t) {
    const socket = await t.websocket();
    await socket.join('/video');
    for (let n = 0; n < 5; n++) socket.send(`42/video,${n}["echo",{"value":${n}}]`);
    await take(socket, 10);
  },

  async 'event-sent-with-connect'(t) {
    const socket = await t.websocket();
    socket.send(`40/video,${t.auth()}`, '42/video,1["echo",{"value":"at once"}]');
    await socket.take();
  },

  'event-of-a-number': async (t) => {
    const socket = await t.websocket();
    await socket.join('/video');
    socket.send('42/video,[1,"a"]');
    await socket.take();
    await socket.alive();
  },

  'type-9': closing('49'),
  'type-missing': closing('4'),
  'type-letter': closing('4x'),
  'event-bad-json': closing('42/video,["echo",'),
  'event-no-array': closing('42/video,{"a":1}'),
  'event-empty-array': closing('42/video,[]'),
  'event-name-an-object': closing('42/video,[{}]'),
  'event-name-null': closing('42/video,[null]'),
  'event-without-payload': closing('42/video,'),
  'event-reserved-connect': closing('42/video,["connect"]'),
  'event-reserved-connect-error': closing('42/video,["connect_error"]'),
  'event-reserved-disconnect': closing('42/video,["disconnect"]'),
  'event-reserved-disconnecting': closing('42/video,["disconnecting"]'),
  'event-reserved-new-listener': closing('42/video,["newListener"]'),
  'event-reserved-remove-listener': closing('42/video,["removeListener"]'),
  'event-text-behind-json': closing('42/video,["echo"]x'),
  'acknowledgement-no-array': closing('43/video,1{"a":1}'),
  'disconnect-with-payload': closing('41/video,{"a":1}'),
  'connect-with-an-array': closing('40/alerts,[1]'),
  'connect-with-a-text': closing('40/alerts,"x"'),
  'connect-with-null': closing('40/alerts,null'),
  'attachments-without-a-count': closing('45/video,["echo"]'),
  'attachments-without-a-dash': closing('451/video,["echo"]'),
  'attachments-zero': closing('450-/video,["echo"]'),
  'attachments-negative': closing('45-1-/video,["echo"]'),
  'attachments-fraction': closing('451.5-/video,["echo"]'),
  'attachments-letters': closing('45x-/video,["echo"]'),
  'attachments-eleven': closing(`4511-/video,${JSON.stringify(['echo', placeholders(11)])}`, ...Array(11).fill(Buffer.from('x'))),
  'attachments-out-of-range': closing('451-/video,["echo",{"_placeholder":true,"num":1}]', Buffer.from('x')),
  'attachments-negative-number': closing('451-/video,["echo",{"_placeholder":true,"num":-1}]', Buffer.from('x')),
  'attachments-number-a-text': closing('451-/video,["echo",{"_placeholder":true,"num":"0"}]', Buffer.from('x')),
  'attachments-text-between': closing('451-/video,["echo",{"_placeholder":true,"num":0}]', '42/video,["echo"]'),
  'attachment-too-large-together': closing('452-/video,["silent",{"_placeholder":true,"num":0}]', Buffer.alloc(1_000_001)),

  async 'attachments-ten'(t) {
    const socket = await t.websocket();
    await socket.join('/video');
    socket.send(`4510-/video,1${JSON.stringify(['silent', { value: placeholders(10) }])}`, ...Array.from({ length: 10 }, (_, n) => Buffer.from([n])));
    await socket.alive();
  },

  async 'attachment-named-twice'(t) {
    const socket = await t.websocket();
    await socket.join('/video');
    socket.send('451-/video,1["echo",{"value":[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]}]', Buffer.from('x'));
    await take(socket, 1);
  },

  async 'attachment-not-named'(t) {
    const socket = await t.websocket();
    await socket.join('/video');
    socket.send('451-/video,["silent",{"value":1}]', Buffer.from('x'));
    await socket.alive();
  },

  async 'ping-between-attachments'(t) {
    const socket = await t.websocket();
    await socket.join('/video');
    socket.send('451-/video,1["echo",{"value":{"_placeholder":true,"num":0}}]', '3', Buffer.from('x'));
    await take(socket, 2);
  },
};
