// Prometheus text to numbers, and two scrapes to rates.

const prefix = "sparc_websocket_";
const line_form = /^([a-z_]+)(?:\{(.*)\})? ([^ ]+)$/;

/** name → [{labels, value}], names without their prefix. */
export function parse_metrics(text) {
  const out = new Map();
  for (const line of text.split("\n")) {
    const parts = line_form.exec(line);
    if (!parts || !parts[1].startsWith(prefix)) continue;
    const name = parts[1].slice(prefix.length);
    const labels = Object.fromEntries([...(parts[2] ?? "").matchAll(/([a-z]+)="([^"]*)"/g)].map((m) => [m[1], m[2]]));
    if (!out.has(name)) out.set(name, []);
    out.get(name).push({ labels, value: Number(parts[3]) });
  }
  return out;
}

/** Over all lines, or those of one namespace. */
export function sum(metrics, name, namespace) {
  let total = 0;
  for (const { labels, value } of metrics.get(name) ?? []) {
    if (namespace === undefined || labels.namespace === namespace) total += value;
  }
  return total;
}

export const namespaces = (metrics) => (metrics.get("namespace_connections") ?? []).map((line) => line.labels.namespace);

/** A counter's increase a second. A server that began anew counts from 0. */
export function rate(before, after, seconds, name, namespace) {
  const now = sum(after, name, namespace);
  const then = sum(before, name, namespace);
  return seconds > 0 ? (now >= then ? now - then : now) / seconds : 0;
}

/** Seconds below which a share of what was measured between two scrapes lies; null where nothing was. */
export function quantile(before, after, name, share) {
  const bounds = (metrics) => (metrics.get(`${name}_bucket`) ?? []).map((b) => ({ le: b.labels.le === "+Inf" ? Infinity : Number(b.labels.le), count: b.value }));
  const then = new Map(bounds(before).map((b) => [b.le, b.count]));
  const now = bounds(after);
  const restarted = now.some((b) => b.count < (then.get(b.le) ?? 0));
  const counts = now.map((b) => ({ le: b.le, count: b.count - (restarted ? 0 : (then.get(b.le) ?? 0)) }));
  const total = counts.at(-1)?.count ?? 0;
  if (total === 0) return null;
  const wanted = total * share;
  let lower = 0;
  let below = 0;
  for (const { le, count } of counts) {
    if (count >= wanted) return le === Infinity ? lower : lower + ((le - lower) * (wanted - below)) / (count - below || 1);
    lower = le;
    below = count;
  }
  return lower;
}
