// Chromium with the socket.io-client that npm has for browsers, from another origin.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';

import { Server, load, token } from './harness.mjs';
import { services } from './services.mjs';

const { chromium } = load('playwright-core');
const script = readFileSync(join(dirname(load.resolve('socket.io-client/package.json')), 'dist/socket.io.min.js'));

let pages;
let server;
let service;
let browser;
before(async () => {
  pages = createServer((asked, answer) => {
    if (asked.url === '/socket.io.min.js') answer.setHeader('Content-Type', 'text/javascript').end(script);
    else answer.setHeader('Content-Type', 'text/html').end('<!doctype html><script src="/socket.io.min.js"></script>');
  });
  pages.listen(0, '127.0.0.1');
  await once(pages, 'listening');
  server = await Server.start({ env: { CORS_ORIGINS: origin() } });
  service = await server.service(services);
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
});
after(async () => {
  await browser?.close();
  await service?.close();
  await server?.stop();
  pages.close();
});

const origin = () => `http://127.0.0.1:${pages.address().port}`;

for (const [how, transports] of Object.entries({ 'by default': undefined, 'polling alone': ['polling'], 'WebSocket alone': ['websocket'] })) {
  test(`a page connects ${how}, asks, and gets what is published`, async () => {
    const page = await browser.newPage();
    const failures = [];
    page.on('console', (line) => line.type() === 'error' && failures.push(line.text()));
    await page.goto(origin());
    const tenantId = `page-${how.length}`;
    const opened = await page.evaluate(
      ([url, auth, list]) =>
        new Promise((resolve) => {
          const socket = io(`${url}/video`, { auth, withCredentials: true, ...(list ? { transports: list } : {}) });
          window.socket = socket;
          window.events = {};
          window.waiting = {};
          socket.onAny((name, data) => {
            window.events[name] = data;
            window.waiting[name]?.(data);
          });
          window.event = (name) => (name in window.events ? window.events[name] : new Promise((found) => (window.waiting[name] = found)));
          const ended = (transport) => resolve({ transport, id: socket.id });
          socket.on('connect_error', (error) => resolve({ error: error.message }));
          socket.on('connect', () => {
            const { engine } = socket.io;
            if (list || engine.transport.name === 'websocket') ended(engine.transport.name);
            else engine.once('upgrade', (transport) => ended(transport.name));
          });
        }),
      [server.url, { token: token({ tenantId }) }, transports],
    );
    assert.equal(opened.error, undefined);
    assert.equal(opened.transport, how === 'polling alone' ? 'polling' : 'websocket');
    assert.equal((await page.evaluate(() => window.event('connected'))).clientId, opened.id);
    assert.deepEqual(await page.evaluate(() => window.socket.emitWithAck('echo', { value: [1, 'ü'] })), { value: [1, 'ü'] });
    assert.deepEqual(await page.evaluate(() => window.socket.emitWithAck('echo', { value: new Uint8Array([0, 255, 1]).buffer })), { value: 'bytes 00ff01' });
    await service.ask({
      type: 'publish', namespace: 'video', room: `tenant:${tenantId}`, event: 'snapshot',
      data: { image: { _placeholder: true, num: 0 } }, attachments: [Buffer.from([0, 255, 1])],
    });
    const image = await page.evaluate(async () => Array.from(new Uint8Array((await window.event('snapshot')).image)));
    assert.deepEqual(image, [0, 255, 1]);
    await server.publish('video', `tenant:${tenantId}`, 'video:motion:detected', { cameraId: '7' });
    assert.deepEqual(await page.evaluate(() => window.event('video:motion:detected')), { cameraId: '7' });
    assert.deepEqual(failures, []);
    await page.close();
  });
}

test('a page of an origin that is not listed gets nothing by polling', async () => {
  const page = await browser.newPage();
  await page.goto(origin().replace('127.0.0.1', 'localhost'));
  const outcome = await page.evaluate(
    ([url, auth]) =>
      new Promise((resolve) => {
        const socket = io(`${url}/video`, { auth, transports: ['polling'], reconnection: false });
        socket.on('connect', () => resolve('connected'));
        socket.on('connect_error', (error) => resolve(error.message));
      }),
    [server.url, { token: token() }],
  );
  assert.equal(outcome, 'xhr poll error');
  await page.close();
});
