import { useRef } from "preact/hooks";

import { metrics_text, node_status } from "./api.js";
import { bytes, count, per_second, seconds } from "./format.js";
import { namespaces, parse_metrics, quantile, rate, sum } from "./metrics.js";
import { Chart, Table, Tile } from "./parts.jsx";
import { use_poll } from "./poll.js";

const every_ms = 3_000;
const samples_max = 200; // ten minutes

/** The node's status and metrics, and what became of them in the last minutes. */
export function use_samples() {
  const kept = useRef({ last: undefined, rows: [] });
  const polled = use_poll(
    async (signal) => {
      const [status, text] = await Promise.all([node_status(signal), metrics_text(signal)]);
      const metrics = parse_metrics(text);
      const at = performance.now();
      const { last, rows } = kept.current;
      if (last) {
        const per = (name) => rate(last.metrics, metrics, (at - last.at) / 1000, name);
        rows.push({
          time: Date.now() / 1000,
          connections: sum(metrics, "sessions"),
          received: per("received_messages_total"),
          delivered: per("delivered_total"),
          p50: quantile(last.metrics, metrics, "publish_lag_seconds", 0.5),
          p99: quantile(last.metrics, metrics, "publish_lag_seconds", 0.99),
          limited: per("rate_limited_total"),
          gaps: per("gap_events_total"),
          dropped: per("volatile_dropped_total"),
        });
        rows.splice(0, rows.length - samples_max);
      }
      kept.current = { last: { metrics, at }, rows };
      return { status, metrics, before: last?.metrics, between_s: last ? (at - last.at) / 1000 : 0 };
    },
    every_ms,
    [],
  );
  return {
    status: polled.data === undefined ? (polled.error ? "unreachable" : "…") : polled.error ? "unreachable" : polled.data.status,
    error: polled.error,
    rows: kept.current.rows,
    ...polled.data && { metrics: polled.data.metrics, before: polled.data.before, between_s: polled.data.between_s },
  };
}

const errors = ["slow_consumers_total", "ping_timeouts_total", "protocol_errors_total", "auth_failures_total", "handshakes_refused_total"];

export function Overview({ samples }) {
  const { metrics, before, between_s, rows } = samples;
  if (!metrics) return <p class="quiet">Asking the server…</p>;
  const last = rows.at(-1);
  const times = rows.map((row) => row.time);
  const line = (name) => rows.map((row) => row[name]);
  const per = (name, ns) => (before ? per_second(rate(before, metrics, between_s, name, ns)) : "–");
  return (
    <>
      <section class="tiles" aria-label="Now">
        <Tile title="Connections" value={count(sum(metrics, "sessions"))} note={`${count(sum(metrics, "connections"))} sockets`} />
        <Tile title="Messages in" value={last ? per_second(last.received) : "–"} note="a second" />
        <Tile title="Events out" value={last ? per_second(last.delivered) : "–"} note="a second" />
        <Tile title="Fan-out, p50" value={seconds(last?.p50)} note={`p99 ${seconds(last?.p99)}`} />
        <Tile title="Waiting" value={bytes(sum(metrics, "outbox_bytes"))} note="for slow sockets" />
        <Tile title="Kept" value={bytes(sum(metrics, "stream_bytes"))} note={`in ${count(sum(metrics, "streams"))} ${sum(metrics, "streams") === 1 ? "stream" : "streams"}`} />
      </section>
      <section class="charts" aria-label="The last ten minutes">
        <Chart title="Connections" times={times} series={[["now", "--a", line("connections")]]} show={count} />
        <Chart title="Messages in, events out a second" times={times} series={[["in", "--a", line("received")], ["out", "--b", line("delivered")]]} show={per_second} />
        <Chart title="Fan-out delay" times={times} series={[["p50", "--a", line("p50")], ["p99", "--b", line("p99")]]} show={seconds} />
        <Chart
          title="Refused and lost a second"
          times={times}
          series={[["rate limited", "--a", line("limited")], ["gaps", "--b", line("gaps")], ["volatile", "--c3", line("dropped")]]}
          show={per_second}
        />
      </section>
      <section class="panel">
        <h2>Namespaces</h2>
        <Table
          caption="Namespaces"
          rows={namespaces(metrics)}
          key_of={(ns) => ns}
          empty="None is configured."
          columns={[
            ["Namespace", (ns) => ns],
            ["Connections", (ns) => count(sum(metrics, "namespace_connections", ns)), true],
            ["Published / s", (ns) => per("publications_total", ns), true],
            ["Client events / s", (ns) => per("client_events_total", ns), true],
            ["Gaps", (ns) => count(sum(metrics, "gap_events_total", ns)), true],
            ["Volatile dropped", (ns) => count(sum(metrics, "volatile_dropped_total", ns)), true],
            ["Replayed", (ns) => count(sum(metrics, "replayed_total", ns)), true],
          ]}
        />
      </section>
      <section class="panel">
        <h2>Since the start</h2>
        <dl>
          {errors.map((name) => (
            <div>
              <dt>{name.replace("_total", "").replaceAll("_", " ")}</dt>
              <dd>{count(sum(metrics, name))}</dd>
            </div>
          ))}
        </dl>
      </section>
    </>
  );
}
