import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

import { stored_key } from "./api.js";

/** What went wrong, in the server's words, and what to do where the page knows. */
export function Fault({ error }) {
  if (!error) return null;
  const advice = error.status === 401 && stored_key() ? "; sign out and enter another key" : "";
  const code = error.code ? `${error.code}: ` : "";
  return (
    <p class="fault" role="alert">
      {code}
      {error.message}
      {advice}
    </p>
  );
}

export const Tile = ({ title, value, note }) => (
  <div class="tile">
    <span>{title}</span>
    <b>{value}</b>
    <small>{note}</small>
  </div>
);

/** columns: [title, cell(row), is it a number?] */
export function Table({ columns, rows, key_of, empty, caption }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
      <table>
        <thead>
          <tr>
            {columns.map(([title, , number]) => (
              <th scope="col" class={number ? "number" : undefined}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={key_of(row)}>
              {columns.map(([, cell, number]) => (
                <td class={number ? "number" : undefined}>{cell(row)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p class="quiet">{empty}</p>}
    </div>
  );
}

export function Pages({ at, size, total, on_page }) {
  if (total <= size) return null;
  const last = Math.ceil(total / size) - 1;
  return (
    <div class="pages">
      <button disabled={at === 0} onClick={() => on_page(at - 1)}>
        Earlier
      </button>
      <span>
        {at * size + 1} to {Math.min(total, (at + 1) * size)} of {total}
      </span>
      <button disabled={at >= last} onClick={() => on_page(at + 1)}>
        Later
      </button>
    </div>
  );
}

/** A variable as a colour that a canvas knows: light-dark() is none. */
function colour(name) {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(${name})`;
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

const window_s = 600;

/** Lines over the last minutes. series: [label, CSS variable of its colour, values]. */
export function Chart({ title, times, series, show, height = 140 }) {
  const box = useRef();
  const plot = useRef();
  const data = [times, ...series.map(([, , values]) => values)];
  const newest = useRef(data);
  newest.current = data;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  useEffect(() => {
    const draw = () => {
      plot.current?.destroy();
      const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
      plot.current = new uPlot(
        {
          width: box.current.clientWidth,
          height,
          legend: { show: false },
          cursor: { show: false },
          padding: [8, 12, 0, 0],
          scales: { x: { range: (_, __, newest_s) => [(newest_s ?? Date.now() / 1000) - window_s, newest_s ?? Date.now() / 1000] }, y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
          axes: [
            { ...axis, size: 24, space: 70, values: (_, ticks) => ticks.map((t) => new Date(t * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })) },
            { ...axis, size: 58, values: (_, ticks) => ticks.map(show) },
          ],
          series: [{}, ...series.map(([label, variable]) => ({ label, stroke: colour(variable), width: 1.5, points: { show: false } }))],
        },
        newest.current,
        box.current,
      );
    };
    draw();
    const observer = new ResizeObserver(() => plot.current.setSize({ width: box.current.clientWidth, height }));
    observer.observe(box.current);
    dark.addEventListener("change", draw);
    return () => {
      observer.disconnect();
      dark.removeEventListener("change", draw);
      plot.current.destroy();
    };
  }, []);
  useEffect(() => plot.current.setData(newest.current), [times.at(-1)]);
  const newest_of = (values) => (values.at(-1) == null ? "–" : show(values.at(-1)));
  const now = series.map(([label, , values]) => `${label} ${newest_of(values)}`).join(", ");
  return (
    <figure class="panel">
      <figcaption>
        {title}
        <span>
          {series.map(([label, variable, values]) => (
            <i style={{ "--c": `var(${variable})` }}>
              {label} {newest_of(values)}
            </i>
          ))}
        </span>
      </figcaption>
      <div ref={box} role="img" aria-label={`${title}: ${now}`} style={{ height: `${height}px` }} />
    </figure>
  );
}
