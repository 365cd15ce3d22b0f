// What is typed and pasted, on its way to the host: no more is under way than the host's end has room for.

/** Bytes of input beyond what the host has taken. */
export const WINDOW_BYTES = 64 * 1024;
/** Bytes of one frame of input: a key press behind a paste waits for no more than this. */
export const PART_BYTES = 16 * 1024;

export class Outbox {
  private waiting: Uint8Array[] = [];
  private sent = 0;
  private taken = 0;

  /** `window`: bytes beyond what has been taken; `part`: of one frame. */
  constructor(
    private readonly send: (part: Uint8Array) => void, private readonly window = WINDOW_BYTES, private readonly part = PART_BYTES,
  ) {}

  add(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += this.part) this.waiting.push(bytes.slice(at, at + this.part));
    this.flush();
  }

  /** The host has taken that many bytes, of all that were sent over this connection. */
  confirm(taken: number): void {
    this.taken = taken;
    this.flush();
  }

  private flush(): void {
    for (let next = this.waiting[0]; next; next = this.waiting[0]) {
      if (this.sent + next.length - this.taken > this.window) return;
      this.waiting.shift();
      this.sent += next.length;
      this.send(next);
    }
  }
}
