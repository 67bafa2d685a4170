import "uplot/dist/uPlot.min.css";
import "./app.css";

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";

import { api, store_key, stored_key } from "./api.js";
import { Connections } from "./connections.jsx";
import { Live } from "./live.jsx";
import { Overview, use_samples } from "./overview.jsx";
import { Fault } from "./parts.jsx";
import { Rooms } from "./rooms.jsx";

const views = [
  ["overview", "Overview", Overview],
  ["connections", "Connections", Connections],
  ["rooms", "Rooms", Rooms],
  ["live", "Live", Live],
];
const said = {
  ready: "takes clients",
  degraded: "runs without its broker",
  draining: "asks its clients to go elsewhere",
  unreachable: "does not answer",
};
const view_of = (hash) => views.find(([name]) => `#${name}` === hash) ?? views[0];

function SignIn({ on_key }) {
  const [key, set_key] = useState("");
  const [error, set_error] = useState();
  const [busy, set_busy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    set_busy(true);
    try {
      await api("connections", { query: { limit: 1 }, key: key.trim() });
      on_key(key.trim());
    } catch (refusal) {
      set_error(refusal);
      set_busy(false);
    }
  };
  return (
    <main class="sign-in">
      <form class="panel" onSubmit={submit}>
        <h1>SPARC Unified WebSocket</h1>
        <label for="key">API key with the scope read; disconnect for disconnecting</label>
        <input id="key" type="password" autocomplete="off" spellcheck={false} required value={key} onInput={(e) => set_key(e.target.value)} />
        <p class="quiet">It stays in this tab and is forgotten when the tab closes.</p>
        <Fault error={error} />
        <button class="main" disabled={busy}>
          Open
        </button>
      </form>
    </main>
  );
}

function Node({ on_sign_out }) {
  const [view, set_view] = useState(view_of(location.hash));
  useEffect(() => {
    const changed = () => set_view(view_of(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  const samples = use_samples();
  const [name, , View] = view;
  return (
    <>
      <header>
        <strong>SPARC WebSocket</strong>
        <span class={`status ${samples.status}`} role="status" title={said[samples.status]}>
          {samples.status}
        </span>
        <nav aria-label="Views">
          {views.map(([key, title]) => (
            <a href={`#${key}`} aria-current={key === name ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <button class="plain" onClick={on_sign_out}>
          Sign out
        </button>
      </header>
      <main>
        <Fault error={samples.error} />
        <View samples={samples} />
      </main>
    </>
  );
}

function App() {
  const [key, set_key] = useState(stored_key());
  const use = (next) => {
    store_key(next);
    set_key(next);
  };
  return key ? <Node on_sign_out={() => use("")} /> : <SignIn on_key={use} />;
}

render(<App />, document.getElementById("app"));
