// The list of transfers: one after the other, each with its progress and a way to cancel it.
import { element, make } from "./dom.js";

/** That wait or run at once, and that are still shown once they have ended. */
export const MOST_WAITING = 100;
const MOST_ENDED = 5;
/** How often progress is shown, in milliseconds. */
const SHOW_EVERY_MS = 200;
const STEP = 1024;
const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

export function inUnits(bytes: number): string {
  let unit = 0;
  let value = bytes;
  for (; value >= STEP && unit < UNITS.length - 1; ++unit) value /= STEP;
  return unit === 0 ? `${bytes} bytes` : `${value.toFixed(1)} ${UNITS[unit]}`;
}

/** Moves the file; `progress`: bytes so far. Rejects with what went wrong, or what `signal` says. */
export type Work = (progress: (bytes: number) => void, signal: AbortSignal) => Promise<void>;

interface Item {
  row: HTMLLIElement;
  work: Work;
  abort: AbortController;
}

export class Transfers {
  private readonly list = element("transfers");
  /** For screen readers: how each has ended. */
  private readonly said = element("files-said");
  private readonly waiting: Item[] = [];
  private readonly ended: Item[] = [];
  private running: Item | undefined;

  /** `explain`: an error in words. `changed`: of the one that runs, the part that is there, from 0 to 1; nothing: none runs. */
  constructor(private readonly explain: (error: unknown) => string, private readonly changed: (part: number | undefined) => void) {}

  get busy(): boolean {
    return this.running !== undefined;
  }

  get full(): boolean {
    return this.waiting.length >= MOST_WAITING;
  }

  /** `title`: what is moved where to; `size` in bytes, 0 where it is not known. */
  add(title: string, size: number, work: Work): void {
    const abort = new AbortController();
    const bar = make("progress", { max: Math.max(size, 1), value: 0, ariaLabel: title });
    const text = make("span", { className: "hint" }, "Waiting");
    const button = make("button", { type: "button", ariaLabel: `Cancel ${title}`, onclick: () => this.cancel(item) }, "Cancel");
    const item: Item = {
      row: make("li", {}, make("span", { className: "name" }, title), bar, text, button),
      abort,
      work: async (_, signal) => {
        let shown = 0;
        await work((bytes) => {
          if (Date.now() - shown < SHOW_EVERY_MS) return;
          shown = Date.now();
          const whole = Math.max(size, bytes);
          bar.max = Math.max(whole, 1);
          bar.value = bytes;
          text.textContent = `${inUnits(bytes)} of ${inUnits(whole)}, ${Math.floor((100 * bytes) / Math.max(whole, 1))} %`;
          this.changed(bytes / Math.max(whole, 1));
        }, signal);
      },
    };
    this.list.prepend(item.row);
    this.waiting.push(item);
    void this.run();
  }

  private cancel(item: Item): void {
    item.abort.abort();
    const at = this.waiting.indexOf(item);
    if (at < 0) return;
    this.waiting.splice(at, 1);
    this.end(item, "Cancelled.");
  }

  private async run(): Promise<void> {
    if (this.running) return;
    for (let item = this.waiting.shift(); item; item = this.waiting.shift()) {
      this.running = item;
      this.changed(0);
      let outcome = "Done.";
      try {
        await item.work(() => {}, item.abort.signal);
      } catch (error) {
        outcome = item.abort.signal.aborted ? "Cancelled." : this.explain(error);
      }
      this.end(item, outcome);
    }
    this.running = undefined;
    this.changed(undefined);
  }

  private end(item: Item, outcome: string): void {
    const title = item.row.querySelector(".name")?.textContent ?? "";
    item.row.querySelector("progress")?.remove();
    const text = item.row.querySelector<HTMLElement>(".hint")!;
    text.textContent = outcome;
    this.said.textContent = `${title}: ${outcome}`;
    item.row.dataset["outcome"] = outcome === "Done." ? "done" : outcome === "Cancelled." ? "cancelled" : "failed";
    const button = item.row.querySelector("button")!;
    button.textContent = "Remove";
    button.ariaLabel = `Remove ${title} from the list`;
    button.onclick = () => item.row.remove();
    this.ended.push(item);
    if (this.ended.length > MOST_ENDED) this.ended.shift()!.row.remove();
  }
}
