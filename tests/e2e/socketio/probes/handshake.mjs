// Engine.IO: opening a session, and what is refused before there is one.

import net from 'node:net';

import { ORIGIN, request, within } from '../harness.mjs';

const open = '/socket.io/?EIO=4&transport=polling';

export default {
  'polling-open': (t) => t.http('GET', open),
  'polling-open-cache-buster': (t) => t.http('GET', `${open}&t=abc123&b64=1`),
  'websocket-open': (t) => t.websocket(),
  'path-is-a-prefix': (t) => t.http('GET', '/socket.io/more/of/it?EIO=4&transport=polling'),
  'polling-open-origin': (t) => t.http('GET', open, { headers: { Origin: ORIGIN } }),
  'jsonp': (t) => t.http('GET', `${open}&j=0`),

  async 'protocol-version'(t) {
    await t.http('GET', '/socket.io/?EIO=3&transport=polling');
    await t.http('GET', '/socket.io/?transport=polling');
    await t.http('GET', '/socket.io/?EIO=5&transport=polling');
    await t.http('GET', '/socket.io/?EIO=&transport=polling');
  },

  async 'transport-unknown'(t) {
    await t.http('GET', '/socket.io/?EIO=4&transport=carrier-pigeon');
    await t.http('GET', '/socket.io/?EIO=4');
    await t.http('GET', '/socket.io/?EIO=4&transport=constructor');
    await t.http('GET', '/socket.io/?EIO=4&transport=');
  },

  async 'session-unknown'(t) {
    await t.http('GET', `${open}&sid=AAAAAAAAAAAAAAAAAAAA`);
    await t.http('POST', `${open}&sid=AAAAAAAAAAAAAAAAAAAA`, { body: '1' });
    await t.http('GET', `${open}&sid=__proto__`);
    await t.http('GET', `${open}&sid=constructor`);
    await t.http('GET', `${open}&sid=${'x'.repeat(500)}`);
  },

  async 'handshake-method'(t) {
    await t.http('POST', open, { body: '40' });
    await t.http('PUT', open);
    await t.http('DELETE', open);
  },

  async 'websocket-without-upgrade'(t) {
    await t.http('GET', '/socket.io/?EIO=4&transport=websocket');
    const session = await t.polling();
    await t.http('GET', `/socket.io/?EIO=4&transport=websocket&sid=${session.sid}`);
    await session.join('/alerts');
  },

  async 'other-methods-of-a-session'(t) {
    const session = await t.polling();
    await t.http('PUT', session.path);
    await t.http('DELETE', session.path);
    await t.http('PATCH', session.path);
    await session.join('/alerts');
  },

  async 'cors-preflight'(t) {
    const headers = { Origin: ORIGIN, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type,x-more' };
    await t.http('OPTIONS', open, { headers });
    const session = await t.polling();
    await t.http('OPTIONS', session.path, { headers });
  },

  async 'cors-of-answers'(t) {
    const headers = { Origin: ORIGIN };
    const session = await t.polling('', { headers });
    await session.post(`40/alerts,${t.auth()}`, { headers });
    await t.http('GET', '/socket.io/?EIO=3&transport=polling', { headers });
  },

  async 'origin-with-a-control-character'(t) {
    const socket = net.connect(t.target.port, '127.0.0.1');
    socket.write(`GET ${open} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a\x01b\r\nConnection: close\r\n\r\n`);
    let answer = '';
    socket.on('data', (data) => (answer += data));
    await within(new Promise((resolve) => socket.on('close', resolve)), 'end of the connection');
    t.line(answer.split('\r\n')[0]);
  },

  async 'upgrade-refused'(t) {
    await t.refusedUpgrade('/socket.io/?EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA');
    await t.refusedUpgrade('/socket.io/?EIO=4&transport=carrier-pigeon');
    await t.refusedUpgrade('/socket.io/?EIO=3&transport=websocket');
    await t.refusedUpgrade('/socket.io/?transport=websocket');
  },

  async 'base64-websocket'(t) {
    const socket = await t.websocket('&b64=1');
    await socket.join('/video');
    socket.send('451-/video,7["echo",{"value":{"_placeholder":true,"num":0}}]', Buffer.from([1, 2, 3]));
    for (let n = 0; n < 2; n++) await socket.take();
  },

  async 'sessions-have-ids-of-their-own'(t) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => request(t.target.port, 'GET', open)));
    t.line(String(new Set(answers.map((answer) => JSON.parse(answer.body.slice(1)).sid)).size));
  },
};
