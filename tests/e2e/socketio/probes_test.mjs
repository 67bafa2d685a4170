// Each probe speaks to the published Socket.IO server and to this one; what it saw must be the same, line by line, except for what
// docs/protocol/socketio-deviations.md lists. A listed difference that is no longer one fails as well.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { Server } from './harness.mjs';
import { Transcript } from './probe.mjs';
import handshake from './probes/handshake.mjs';
import heartbeat from './probes/heartbeat.mjs';
import packets from './probes/packets.mjs';
import polling from './probes/polling.mjs';
import recovery from './probes/recovery.mjs';
import upgrade from './probes/upgrade.mjs';
import websocket from './probes/websocket.mjs';
import { startReference } from './reference.mjs';
import { services } from './services.mjs';

const page = new URL('../../../docs/protocol/socketio-deviations.md', import.meta.url);
const pings = { pingInterval: 400, pingTimeout: 1500 };
const groups = {
  'opening a session': { probes: handshake },
  'long-polling': { probes: polling },
  'WebSocket': { probes: websocket },
  'packets': { probes: packets },
  'upgrade': { probes: upgrade },
  'recovery': { probes: recovery, reference: { recovery: true } },
  'heartbeat': { probes: heartbeat, reference: pings, env: { WEBSOCKET_SOCKETIO_PING_INTERVAL_MS: String(pings.pingInterval), WEBSOCKET_SOCKETIO_PING_TIMEOUT_MS: String(pings.pingTimeout) } },
};

/** Rows of the table: probe → { reference, here }, lines as the probe wrote them. */
function deviations() {
  const rows = new Map();
  const code = (cell) => [...cell.matchAll(/`([^`]*)`/g)].map((found) => found[1].trim().replaceAll('\\|', '|'));
  for (const line of readFileSync(page, 'utf8').split('\n')) {
    const cells = line.match(/^\| `([\w-]+)` \| (.*?) \| (.*?) \| (.*?) \|$/);
    if (cells) rows.set(cells[1], { reference: code(cells[2]), here: code(cells[3]) });
  }
  return rows;
}

/** Two lists as one (longest common subsequence): `= ` in both, `- ` of the published server alone, `+ ` of this one alone. */
function compared(left, right) {
  const best = Array.from({ length: left.length + 1 }, () => Array(right.length + 1).fill(0));
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      best[i][j] = left[i] === right[j] ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
    }
  }
  const out = [];
  for (let i = 0, j = 0; i < left.length || j < right.length; ) {
    if (i < left.length && j < right.length && left[i] === right[j]) out.push(`= ${left[i++]}`), j++;
    else if (j >= right.length || (i < left.length && best[i + 1][j] >= best[i][j + 1])) out.push(`- ${left[i++]}`);
    else out.push(`+ ${right[j++]}`);
  }
  return out;
}

const marked = (lines, mark) => lines.filter((line) => line.startsWith(mark)).map((line) => line.slice(2).trim());

async function transcript(target, id, probe, options) {
  const t = new Transcript(target, id, options);
  try {
    await probe(t);
  } catch (error) {
    t.line(`failed: ${error.message.split('\n')[0]}`);
  } finally {
    t.end();
  }
  return t.lines;
}

const listed = deviations();
const chosen = process.env.PROBES?.split(',');
for (const [title, { probes, reference: options, env }] of Object.entries(groups)) {
  describe(title, { concurrency: 8 }, () => {
    let here;
    let reference;
    let service;
    before(async () => {
      reference = await startReference(options);
      if (process.env.PROBES_SHOW) return;
      here = await Server.start({ env: { ...(options?.recovery ? {} : { WEBSOCKET_SOCKETIO_RECOVERY_MS: '0' }), ...env } });
      service = await here.service(services);
    });
    after(async () => {
      await reference?.stop();
      await service?.close();
      await here?.stop();
    });
    for (const [id, probe] of Object.entries(probes)) {
      if (chosen && !chosen.includes(id)) continue;
      test(id, async () => {
        if (process.env.PROBES_SHOW) {
          console.log(`${id}\n    ${(await transcript(reference, id, probe, options)).join('\n    ')}`);
          return;
        }
        const [expected, seen] = await Promise.all([transcript(reference, id, probe, options), transcript(here, id, probe, options)]);
        assert.ok(!expected.some((line) => line.startsWith('failed: ')), expected.join('\n'));
        const lines = compared(expected, seen);
        const { reference: only, here: ours } = listed.get(id) ?? { reference: [], here: [] };
        const message = (what) => `${what}\n${lines.join('\n')}\n`;
        assert.deepEqual(marked(lines, '- '), only, message('lines of the published server (-) that this one does not say:'));
        assert.deepEqual(marked(lines, '+ '), ours, message('lines of this server (+) that the published one does not say:'));
      });
    }
  });
}

test('every row of the table of deviations names a probe', () => {
  const probes = Object.values(groups).flatMap((group) => Object.keys(group.probes));
  assert.deepEqual([...listed.keys()].filter((id) => !probes.includes(id)), []);
});
