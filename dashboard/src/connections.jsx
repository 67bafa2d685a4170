import { useState } from "preact/hooks";

import { api } from "./api.js";
import { ago } from "./format.js";
import { Fault, Pages, Table } from "./parts.jsx";
import { use_poll } from "./poll.js";

const page_size = 25;
const listed_max = 1_000; // of one answer; narrower by tenant or user

export function Connections() {
  const [asked, set_asked] = useState({ tenantId: "", userId: "" });
  const [page, set_page] = useState(0);
  const [wanted, set_wanted] = useState();
  const [refusal, set_refusal] = useState();
  const { data, error, again } = use_poll((signal) => api("connections", { query: { ...asked, limit: listed_max }, signal }), 5_000, [asked]);
  const rows = data?.connections ?? [];
  const at = Math.min(page, Math.max(0, Math.ceil(rows.length / page_size) - 1));
  const find = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    set_asked({ tenantId: form.get("tenant").trim(), userId: form.get("user").trim() });
    set_page(0);
  };
  const disconnect = async (id) => {
    try {
      await api("disconnect", { body: { connectionId: id } });
      set_refusal(undefined);
      again();
    } catch (wrong) {
      set_refusal(wrong);
    }
    set_wanted(undefined);
  };
  return (
    <section class="panel">
      <h2>Connections {data && <span class="quiet">{data.total}</span>}</h2>
      <form class="row" onSubmit={find}>
        <label>
          Tenant <input name="tenant" defaultValue="" />
        </label>
        <label>
          User <input name="user" defaultValue="" />
        </label>
        <button>Find</button>
      </form>
      <Fault error={error ?? refusal} />
      {data && data.total > rows.length && <p class="quiet">The first {rows.length} of {data.total}; narrow it by tenant or user.</p>}
      {data ? (
        <Table
          caption="Connections"
          rows={rows.slice(at * page_size, (at + 1) * page_size)}
          key_of={(row) => row.id}
          empty="Nobody is connected."
          columns={[
            ["User", (row) => row.userId],
            ["Tenant", (row) => row.tenantId],
            ["Roles", (row) => row.roles.join(", ")],
            [
              "Rooms",
              (row) => Object.entries(row.subscriptions).map(([ns, rooms]) => <span class="rooms" title={rooms.join("\n")}>{`${ns} ${rooms.length}`}</span>),
            ],
            ["For", (row) => ago(row.connectedAt), true],
            ["Silent for", (row) => ago(row.lastActivity), true],
            [
              "",
              (row) =>
                wanted === row.id ? (
                  <span class="confirm">
                    <button class="danger" ref={(b) => b?.focus()} onClick={() => disconnect(row.id)}>
                      Disconnect {row.userId}
                    </button>
                    <button onClick={() => set_wanted(undefined)}>Keep</button>
                  </span>
                ) : (
                  <button onClick={() => set_wanted(row.id)} aria-label={`Disconnect ${row.userId}`}>
                    Disconnect
                  </button>
                ),
            ],
          ]}
        />
      ) : (
        !error && <p class="quiet">Asking the server…</p>
      )}
      <Pages at={at} size={page_size} total={rows.length} on_page={set_page} />
    </section>
  );
}
