import { useRef, useState } from "preact/hooks";

import { api } from "./api.js";
import { clock } from "./format.js";
import { namespaces } from "./metrics.js";
import { Fault } from "./parts.jsx";
import { use_poll } from "./poll.js";

const shown_max = 200;
const asks_max = 20; // of one round: what is behind by more comes in the next

/** Follows a stream: the tail of what is kept, then what is appended. */
function Tail({ asked }) {
  const kept = useRef({ events: [], position: undefined, lost: false });
  const { data, error } = use_poll(
    async (signal) => {
      for (let asks = 0; asks < asks_max; ++asks) {
        const { position } = kept.current;
        const part = await api("history", { query: { ...asked, ...(position ?? {}) }, signal });
        const lost = kept.current.lost || (position !== undefined && !part.recovered);
        kept.current = { events: [...kept.current.events, ...part.events].slice(-shown_max), position: part.position, lost };
        if (part.complete) break;
      }
      return kept.current;
    },
    2_000,
    [],
  );
  return (
    <>
      <Fault error={error} />
      {data?.lost && <p class="quiet">Some events were no longer kept when they were asked for.</p>}
      <ol class="events" aria-live="polite" aria-label="Events, the newest first">
        {[...(data?.events ?? [])].reverse().map((event) => (
          <li key={`${event.offset} ${event.id}`}>
            <span>
              <time dateTime={event.timestamp}>{clock(event.timestamp)}</time> <b>{event.event}</b> {event.room}
              <i>{event.offset}</i>
            </span>
            <code>
              {JSON.stringify(event.data)}
              {event.attachments && ` and ${event.attachments.length} attached`}
            </code>
          </li>
        ))}
      </ol>
      {data && data.events.length === 0 && <p class="quiet">Nothing is kept of it yet.</p>}
    </>
  );
}

export function Live({ samples }) {
  const [asked, set_asked] = useState();
  const names = samples.metrics ? namespaces(samples.metrics) : [];
  const follow = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    set_asked({ namespace: form.get("namespace"), tenantId: form.get("tenant").trim() });
  };
  return (
    <section class="panel">
      <h2>Live events</h2>
      <p class="quiet">What a namespace with history keeps of a tenant, as it is appended.</p>
      <form class="row" onSubmit={follow}>
        <label>
          Tenant <input name="tenant" required />
        </label>
        <label>
          Namespace{" "}
          <select name="namespace">
            {names.map((name) => (
              <option>{name}</option>
            ))}
          </select>
        </label>
        <button class="main">Follow</button>
        {asked && (
          <button type="button" onClick={() => set_asked(undefined)}>
            Stop
          </button>
        )}
      </form>
      {asked && <Tail key={`${asked.namespace} ${asked.tenantId}`} asked={asked} />}
    </section>
  );
}
