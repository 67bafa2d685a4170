import { useState } from "preact/hooks";

import { api } from "./api.js";
import { count } from "./format.js";
import { Fault, Pages, Table } from "./parts.jsx";
import { use_poll } from "./poll.js";

const page_size = 50;

export function Rooms() {
  const [asked, set_asked] = useState({ tenantId: "" });
  const [page, set_page] = useState(0);
  const { data, error } = use_poll((signal) => api("rooms", { query: { ...asked, limit: 1_000 }, signal }), 5_000, [asked]);
  const rows = [...(data?.rooms ?? [])].sort((a, b) => b.members - a.members);
  const at = Math.min(page, Math.max(0, Math.ceil(rows.length / page_size) - 1));
  const find = (event) => {
    event.preventDefault();
    set_asked({ tenantId: new FormData(event.target).get("tenant").trim() });
    set_page(0);
  };
  return (
    <section class="panel">
      <h2>Rooms {data && <span class="quiet">{data.total}</span>}</h2>
      <form class="row" onSubmit={find}>
        <label>
          Tenant <input name="tenant" defaultValue="" />
        </label>
        <button>Find</button>
      </form>
      <Fault error={error} />
      {data && data.total > rows.length && <p class="quiet">The first {rows.length} of {data.total}; narrow it by tenant.</p>}
      {data ? (
        <Table
          caption="Rooms"
          rows={rows.slice(at * page_size, (at + 1) * page_size)}
          key_of={(row) => `${row.namespace} ${row.tenantId} ${row.room}`}
          empty="No room has members."
          columns={[
            ["Namespace", (row) => row.namespace],
            ["Tenant", (row) => row.tenantId || "public"],
            ["Room", (row) => row.room],
            ["Members", (row) => count(row.members), true],
          ]}
        />
      ) : (
        !error && <p class="quiet">Asking the server…</p>
      )}
      <Pages at={at} size={page_size} total={rows.length} on_page={set_page} />
    </section>
  );
}
