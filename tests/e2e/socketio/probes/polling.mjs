// Long-polling: payloads, what belongs to which answer, and what ends a session.

import http from 'node:http';

import { once } from 'node:events';
import { request, within } from '../harness.mjs';
import { Polling } from '../probe.mjs';

async function gone(t, session) {
  await t.http('GET', session.path);
}

export default {
  async 'connect-over-polling'(t) {
    const session = await t.polling();
    await session.post(`40/alerts,${t.auth()}`);
    await session.take();
    await session.take();
  },

  async 'packets-are-joined'(t) {
    const session = await t.polling();
    await session.post(`40/alerts,${t.auth()}`);
    await session.get();
  },

  async 'several-packets-in-a-post'(t) {
    const session = await t.polling();
    await session.join('/video');
    await session.send('42/video,1["echo",{"value":1}]', '42/video,2["echo",{"value":"two"}]');
    for (let n = 0; n < 4; n++) await session.take();
  },

  async 'binary-over-polling'(t) {
    const session = await t.polling();
    await session.join('/video');
    await session.post('451-/video,9["echo",{"value":{"_placeholder":true,"num":0}}]\x1ebAQID');
    for (let n = 0; n < 2; n++) await session.take();
    await t.publishBytes('video', 'snapshot', Buffer.from([0, 255, 1]));
    for (let n = 0; n < 2; n++) await session.take();
  },

  async 'large-answer-is-compressed'(t) {
    const session = await t.polling();
    await session.join('/video');
    await t.publish('video', `tenant:${t.tenant}`, 'large', { text: 'again and again '.repeat(200) });
    await session.get({ headers: { 'Accept-Encoding': 'gzip' } });
  },

  async 'two-polls-at-once'(t) {
    const session = await t.polling();
    const answers = await Promise.all([1, 2].map(() => request(t.target.port, 'GET', session.path)));
    for (const { status, body } of answers.sort((one, other) => one.status - other.status)) t.line(`${status} ${body}`);
    await gone(t, session);
  },

  async 'two-posts-at-once'(t) {
    const session = await t.polling();
    const first = http.request({ host: '127.0.0.1', port: t.target.port, method: 'POST', path: session.path, headers: { 'Content-Length': 100 }, agent: false });
    first.on('error', () => {});
    first.write('4');
    await within(once(first, 'socket').then(([socket]) => (socket.connecting ? once(socket, 'connect') : null)), 'first post');
    const second = await session.post('3').catch((error) => t.line(`second: ${error.code}`));
    void second;
    first.destroy();
  },

  async 'post-of-bytes'(t) {
    const session = await t.polling();
    await session.post(Buffer.from([0, 1, 2]), { headers: { 'Content-Type': 'application/octet-stream' } });
    await gone(t, session);
  },

  async 'post-of-text-types'(t) {
    const session = await t.polling();
    await session.post('3', { headers: { 'Content-Type': 'text/plain;charset=UTF-8' } });
    await session.post('3', { headers: { 'Content-Type': 'application/json' } });
    await session.join('/alerts');
  },

  async 'post-too-large'(t) {
    const session = await t.polling();
    const answer = await session.post(`4${'x'.repeat(1_000_000)}`).catch(() => null);
    if (answer === null) t.line('POST 413'); // closed while the body was still written
    await session.join('/alerts');
  },

  async 'post-of-the-largest'(t) {
    const session = await t.polling();
    await session.join('/video');
    const packet = (text) => `42/video,1["silent",{"value":"${text}"}]`;
    await session.post(packet('x'.repeat(1_000_000 - packet('').length)));
    await session.send('42/video,2["echo",{"value":"after"}]');
    await session.take();
    await session.take();
  },

  async 'empty-post'(t) {
    const session = await t.polling();
    await session.post('');
    await gone(t, session);
  },

  async 'client-closes'(t) {
    const session = await t.polling();
    await session.post('1');
    await gone(t, session);
  },

  async 'client-closes-while-it-polls'(t) {
    const session = await t.polling();
    let polled;
    // The close may overtake the poll: then the poll finds no session, and it is tried again.
    for (let open = session; polled?.status !== 200; open = new Polling(t, '')) {
      if (open !== session) await open.begin();
      const poll = request(t.target.port, 'GET', open.path);
      await request(t.target.port, 'POST', open.path, { body: '1' });
      polled = await poll;
    }
    t.line(`poll: ${polled.body}`);
  },

  async 'client-gives-a-poll-up'(t) {
    const session = await t.polling();
    await session.join('/alerts');
    const poll = http.get({ host: '127.0.0.1', port: t.target.port, path: session.path, agent: false });
    poll.on('error', () => {});
    await within(once(poll, 'finish'), 'poll');
    // Something that is answered on another connection: the poll has arrived by then.
    await session.post('3');
    poll.destroy();
    for (let answer = ''; !answer.includes('"code":1'); ) answer = (await request(t.target.port, 'POST', session.path, { body: '3' })).body;
    await gone(t, session);
  },

  async 'bad-packet-in-a-payload'(t) {
    const session = await t.polling();
    await session.join('/alerts');
    await session.post('9');
    await gone(t, session);
  },

  async 'ping-of-a-client'(t) {
    const session = await t.polling();
    await session.post('2');
    await gone(t, session);
  },

  async 'good-packets-before-a-bad-one'(t) {
    const session = await t.polling();
    await session.join('/video');
    await session.post('42/video,1["echo",{"value":1}]\x1e9');
    await gone(t, session);
  },
};
