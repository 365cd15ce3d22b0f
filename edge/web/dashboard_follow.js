// Lists that follow what happens: the edge is asked again and again, while the page can be seen.
import { button, say } from "./dashboard_parts.js";

const FOLLOW_MS = 2000;

/** Asks, and shows the answer unless a later question was answered before. */
export function latest(ask, show) {
  let asked = 0;
  let shown = 0;
  return async () => {
    const turn = ++asked;
    const answer = await ask();
    if (turn < shown) return;
    shown = turn;
    show(answer);
  };
}

/** Calls `look` FOLLOW_MS after its last answer, until the signal; not while the page is hidden, or paused by the button that
 *  is returned. */
export function follow(look, signal) {
  let timer = 0;
  let paused = false;
  let failed = false;
  const plan = () => {
    clearTimeout(timer);
    if (!signal.aborted && !paused && !document.hidden) timer = setTimeout(again, FOLLOW_MS);
  };
  const again = async () => {
    try {
      await look();
      if (failed && !signal.aborted) say("");
      failed = false;
    } catch (error) {
      if (!signal.aborted) say(`${error.message} The list is not up to date.`, true);
      failed = true;
    }
    plan();
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : plan()), { signal });
  signal.addEventListener("abort", () => clearTimeout(timer));
  const pause = button("Pause updates", () => {
    paused = !paused;
    pause.textContent = paused ? "Resume updates" : "Pause updates";
    plan();
  });
  plan();
  return pause;
}
