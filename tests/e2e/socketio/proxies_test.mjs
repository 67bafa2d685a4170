// Behind nginx and haproxy, configured as deploy/ says: only addresses, certificates and the server's port are of the test.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect as dial } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { ask, connect, connected, event, settled } from './clients.mjs';
import { Server, WebSocket, next, token, within } from './harness.mjs';
import { services } from './services.mjs';

const deployed = (name) => readFileSync(new URL(`../../../deploy/${name}`, import.meta.url), 'utf8');

/** A port that was free a moment ago: the proxies cannot choose one themselves. */
async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Replaces what must be there. */
function replaced(text, ...pairs) {
  for (const [from, to] of pairs) {
    assert.ok(text.match(from), `deploy/ no longer has ${from}`);
    text = text.replace(from, to);
  }
  return text;
}

const proxies = {
  nginx(folder, port, upstream) {
    const site = replaced(
      deployed('nginx.conf'),
      [/server 127\.0\.0\.1:3100/, `server 127.0.0.1:${upstream}`],
      [/listen 443 ssl;/, `listen 127.0.0.1:${port} ssl;`],
      [/ *listen \[::\]:443 ssl;\n/, ''],
      [/\/etc\/ssl\/\S+\/fullchain\.pem/, join(folder, 'certificate.pem')],
      [/\/etc\/ssl\/\S+\/privkey\.pem/, join(folder, 'key.pem')],
      [/\/var\/log\/nginx\/\S+\.log/, join(folder, 'access.log')],
    );
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ');
    const root = process.getuid() === 0 ? 'user root;' : '';
    writeFileSync(join(folder, 'nginx.conf'), `${root} daemon off; pid ${folder}/pid; error_log stderr;\nevents {}\nhttp {\n${paths}\n${site}\n}\n`);
    return ['/usr/sbin/nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr']];
  },
  haproxy(folder, port, upstream) {
    writeFileSync(join(folder, 'both.pem'), readFileSync(join(folder, 'certificate.pem'), 'utf8') + readFileSync(join(folder, 'key.pem'), 'utf8'));
    const text = replaced(
      deployed('haproxy.cfg'),
      [/bind :443/, `bind 127.0.0.1:${port}`],
      [/\/etc\/haproxy\/certs\/\S+\.pem/, join(folder, 'both.pem')],
      [/server node1 10\.0\.0\.11:3100/, `server node1 127.0.0.1:${upstream}`],
      [/maxconn 100000/, 'maxconn 1000'],
    );
    writeFileSync(join(folder, 'haproxy.cfg'), text);
    return ['/usr/sbin/haproxy', ['-db', '-f', join(folder, 'haproxy.cfg')]];
  },
};

/** The proxy listens; what it said otherwise. */
async function listening(proxy, port) {
  let log = '';
  for (const stream of [proxy.stdout, proxy.stderr]) stream.on('data', (text) => (log += text));
  let ended = false;
  proxy.once('exit', () => (ended = true));
  for (;;) {
    assert.ok(!ended, log);
    const socket = dial(port, '127.0.0.1');
    const there = await new Promise((resolve) => socket.once('connect', () => resolve(true)).once('error', () => resolve(false)));
    socket.destroy();
    if (there) return;
  }
}

for (const [name, configure] of Object.entries(proxies)) {
  describe(`behind ${name}`, { concurrency: 4 }, () => {
    let server;
    let service;
    let proxy;
    let folder;
    let front;
    let ca;
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'sparc-'));
      execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost',
        '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', join(folder, 'key.pem'), '-out', join(folder, 'certificate.pem')], { stdio: 'ignore' });
      ca = readFileSync(join(folder, 'certificate.pem'));
      server = await Server.start({ env: { WEBSOCKET_TRUSTED_PROXIES: '127.0.0.0/8' } });
      service = await server.service(services);
      const port = await freePort();
      proxy = spawn(...configure(folder, port, server.port), { stdio: ['ignore', 'pipe', 'pipe'] });
      await within(listening(proxy, port), `${name} on its port`);
      front = { url: `https://127.0.0.1:${port}`, port };
    });
    after(async () => {
      await service?.close();
      if (proxy?.exitCode === null) {
        proxy.kill('SIGTERM');
        await within(once(proxy, 'exit'), `end of ${name}`);
      }
      await server?.stop();
      rmSync(folder, { recursive: true });
    });

    for (const [how, transports] of Object.entries({ 'by default': undefined, 'polling alone': ['polling'], 'WebSocket alone': ['websocket'] })) {
      test(`${how}: events, acknowledgements and bytes`, async (t) => {
        const tenantId = `proxied-${how.length}`;
        const socket = await connected(connect(t, front, '/video', { transports, ca, claims: { tenantId } }));
        const { engine } = socket.io;
        if (transports === undefined && engine.transport.name !== 'websocket') await next(engine, 'upgrade');
        assert.deepEqual(await ask(socket, 'echo', { value: Buffer.alloc(100_000, 7) }), { value: '100000 bytes, all 7: true' });
        for (let n = 0; n < 50; n++) await server.publish('video', `tenant:${tenantId}`, 'numbered', { n });
        for (let n = 0; n < 50; n++) assert.deepEqual(await event(socket, 'numbered'), { n });
        await settled(socket);
      });
    }

    test('new clients pass as well', async () => {
      const socket = new WebSocket(`${front.url.replace('https', 'wss')}/ws`, 'sparc.v1.json', { ca, headers: { Authorization: `Bearer ${token()}` } });
      const [data] = await within(once(socket, 'message'), 'welcome');
      assert.equal(JSON.parse(data).type, 'welcome');
      socket.close();
      await within(once(socket, 'close'), 'close');
    });
  });
}
