// What the dashboard asks the server. The key stays in this tab's sessionStorage and in a header: never in a URL.

const slot = "sparc-api-key";

export const stored_key = () => sessionStorage.getItem(slot) ?? "";
export const store_key = (key) => (key ? sessionStorage.setItem(slot, key) : sessionStorage.removeItem(slot));

/** An answer of the server that is no success, or none at all (status 0). */
export class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, "UNREACHABLE", "the server does not answer");
  }
  return response;
}

/** GET or POST of /api/v1/ with the key. Parameters that are empty are left out. */
export async function api(name, { query = {}, body, signal, key = stored_key() } = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  const path = `/api/v1/${name}${given.length ? `?${new URLSearchParams(given)}` : ""}`;
  const headers = { "X-API-Key": key };
  const response = await ask(path, body === undefined ? { headers, signal } : { method: "POST", headers, signal, body: JSON.stringify(body) });
  const text = await response.text();
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Refusal(response.status, "NOT_JSON", `/api/v1/${name} answered ${response.status} without JSON; is there a proxy that keeps it?`);
  }
  if (response.ok) return answer;
  throw new Refusal(response.status, answer.error?.code ?? "", answer.error?.message ?? `the server answered ${response.status}`);
}

/** ready, degraded, draining or unreachable. */
export async function node_status(signal) {
  try {
    const response = await ask("/readyz", { signal });
    const { status } = await response.json();
    return status === "ok" ? "ready" : status;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return "unreachable";
  }
}

export async function metrics_text(signal) {
  const response = await ask("/metrics", { signal });
  if (!response.ok) throw new Refusal(response.status, "", `/metrics answered ${response.status}`);
  return response.text();
}
