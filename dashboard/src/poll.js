import { useEffect, useRef, useState } from "preact/hooks";

export const poll_ms_min = 2_000;

/**
 * Calls `ask(signal)` now and then every `every_ms` (not faster than every 2 s), one at a time, while the page can be seen.
 * `inputs`: what makes it ask anew. Answers {data, error, again}; data stays through an error.
 */
export function use_poll(ask, every_ms, inputs) {
  const [state, set_state] = useState({ data: undefined, error: undefined });
  const [turn, set_turn] = useState(0);
  const newest = useRef(ask);
  newest.current = ask;
  useEffect(() => {
    const abort = new AbortController();
    let timer;
    let busy = false;
    let last = -Infinity;
    const wait_ms = Math.max(every_ms, poll_ms_min);
    const schedule = () => {
      clearTimeout(timer);
      if (document.hidden || busy) return;
      timer = setTimeout(run, Math.max(0, last + wait_ms - performance.now()));
    };
    const run = async () => {
      busy = true;
      last = performance.now();
      try {
        const data = await newest.current(abort.signal);
        if (!abort.signal.aborted) set_state({ data, error: undefined });
      } catch (error) {
        if (!abort.signal.aborted) set_state((now) => ({ data: now.data, error }));
      }
      busy = false;
      if (!abort.signal.aborted) schedule();
    };
    document.addEventListener("visibilitychange", schedule);
    schedule();
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", schedule);
    };
  }, [...inputs, turn]);
  return { ...state, again: () => set_turn((n) => n + 1) };
}
