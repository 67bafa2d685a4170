// The dashboard in a real browser: Debian's Chromium, driven by playwright-core, against the real server. SPARC_WEBSOCKET names the program;
// SPARC_SCREENSHOTS, where it is set, a folder for pictures of what was looked at.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';

const require = createRequire(import.meta.url); // found by NODE_PATH, which an import does not look at
const { chromium } = require('playwright-core');
const { WebSocket } = require('ws');

const secret = 'a secret of the end-to-end tests, long enough';
const api_key = 'key-with-all-scopes';
const deadline_ms = 30_000;
let server;
let port;
let browser;
let page;
const faults = []; // what the browser complains about

const token = (userId, tenantId) => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'HS256' })}.${part({ userId, tenantId, roles: ['operator'], exp: Math.floor(Date.now() / 1000) + 600 })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
};

/** A user in `alerts`; `closed` ends when the server ends it. */
async function user(userId, tenantId = 't1') {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, ['sparc.v1.json', `bearer.${token(userId, tenantId)}`]);
  const closed = once(socket, 'close');
  await once(socket, 'message');
  socket.send('{"type":"join","id":1,"namespace":"alerts","rooms":["zone:a"]}');
  await once(socket, 'message');
  return { socket, closed };
}

async function publish(event, data) {
  const body = JSON.stringify({ namespace: 'alerts', room: 'tenant:t1', event, data });
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/broadcast`, { method: 'POST', headers: { 'X-API-Key': api_key }, body });
  assert.equal(answer.status, 200, await answer.text());
}

async function look(name) {
  if (process.env.SPARC_SCREENSHOTS) await page.screenshot({ path: `${process.env.SPARC_SCREENSHOTS}/${name}.png`, fullPage: true });
}

before(async () => {
  server = spawn(process.env.SPARC_WEBSOCKET, ['serve', '--host', '127.0.0.1', '--port', '0'], {
    env: { ...process.env, JWT_SECRET: secret, WEBSOCKET_API_KEY: api_key, WEBSOCKET_SHARDS: '2', WEBSOCKET_DRAIN_MS: '300' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  port = JSON.parse((await once(server.stdout, 'data'))[0]).port;
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(deadline_ms);
  await page.clock.install(); // it runs as ever; the last test moves it
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('401')) faults.push(message.text());
  });
});

after(async () => {
  await browser?.close();
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  assert.equal((await ended)[0], 0);
});

test('a wrong key is refused in the words of the server, and the right one opens the page', async () => {
  await page.goto(`http://127.0.0.1:${port}/admin`);
  assert.equal(page.url(), `http://127.0.0.1:${port}/admin/`);
  const key = page.getByLabel(/API key/);
  await key.fill('wrong');
  await key.press('Enter');
  await page.getByRole('alert').filter({ hasText: 'UNAUTHENTICATED' }).waitFor();
  await look('sign-in');
  await key.fill(api_key);
  await key.press('Enter');
  await page.getByRole('status').filter({ hasText: 'ready' }).waitFor();
  assert.ok(!page.url().includes(api_key));
  assert.equal(await page.evaluate(() => document.cookie + JSON.stringify(localStorage)), '{}');
});

test('its script is compressed where that is accepted, and is the same under one tag', async () => {
  const script = `http://127.0.0.1:${port}/admin/app.js`;
  const plain = await fetch(script, { headers: { 'Accept-Encoding': 'gzip;q=0, br' } });
  const packed = await fetch(script, { headers: { 'Accept-Encoding': 'br, gzip' } });
  assert.equal(plain.headers.get('content-encoding'), null);
  assert.equal(packed.headers.get('content-encoding'), 'gzip');
  assert.equal(packed.headers.get('content-type'), 'text/javascript; charset=utf-8');
  assert.ok(Number(packed.headers.get('content-length')) < 38 * 1024);
  assert.equal(await packed.text(), await plain.text());
  assert.notEqual(packed.headers.get('etag'), plain.headers.get('etag'));
});

test('the overview counts connections and has a row for each namespace', async () => {
  const clients = await Promise.all(['u1', 'u2', 'u3'].map((name) => user(name)));
  for (let n = 0; n < 20; ++n) await publish('alert:created', { n });
  await page.locator('.tile', { hasText: 'Connections' }).locator('b', { hasText: '3' }).waitFor();
  for (const name of ['alerts', 'monitoring', 'video']) await page.getByRole('cell', { name, exact: true }).waitFor();
  assert.ok((await page.locator('canvas').count()) >= 4);
  await look('overview');
  await page.emulateMedia({ colorScheme: 'dark' });
  await look('overview-dark');
  for (const { socket } of clients) socket.close();
});

test('a connection is found by its user and disconnected after a second word', async () => {
  const { closed } = await user('victim');
  const spared = await user('spared');
  await page.getByRole('link', { name: 'Connections' }).click();
  await page.getByLabel('User').fill('victim');
  await page.getByLabel('User').press('Enter');
  await page.getByRole('button', { name: 'Disconnect victim' }).press('Enter');
  await look('connections');
  await page.locator('button.danger').press('Enter');
  await closed;
  await page.getByText('Nobody is connected.').waitFor();
  assert.equal(spared.socket.readyState, WebSocket.OPEN);
});

test('rooms are shown with their members', async () => {
  await page.getByRole('link', { name: 'Rooms' }).click();
  await page.getByRole('row', { name: /alerts t1 zone:a 1/ }).waitFor();
  await look('rooms');
});

test('events of a tenant come as they are appended, newest first', async () => {
  await page.getByRole('link', { name: 'Live', exact: true }).click();
  await page.getByLabel('Tenant').fill('t1');
  await page.getByLabel('Namespace').selectOption('alerts');
  await page.getByRole('button', { name: 'Follow' }).click();
  await page.getByText('{"n":19}').waitFor();
  await publish('alert:escalated', { to: 'fire brigade' });
  await page.locator('.events li').first().filter({ hasText: 'fire brigade' }).waitFor();
  await look('live-dark');
});

test('nothing is wider than a phone, and nothing was complained about', async () => {
  await page.setViewportSize({ width: 360, height: 740 });
  for (const view of ['overview', 'connections', 'rooms', 'live']) {
    await page.evaluate((name) => (location.hash = name), view);
    await page.locator(`nav a[aria-current][href="#${view}"]`).waitFor();
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360, view);
    await look(`phone-${view}`);
  }
  assert.deepEqual(faults, []);
});

test('a page that is not seen asks nothing, and asks again when it is seen', async () => {
  const show = (visible) =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, !visible);
  await show(false);
  await page.waitForLoadState('networkidle');
  let asked = 0;
  page.on('request', () => ++asked);
  await page.clock.runFor(60_000);
  assert.equal(asked, 0);
  const again = page.waitForRequest(/metrics/);
  await show(true);
  await page.clock.runFor(3_000);
  await again;
});
