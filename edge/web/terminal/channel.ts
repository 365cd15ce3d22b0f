// The channel for files: a stream of bytes to the host's SFTP server and back, beside the terminal (docs/TERMINAL.md).
import { Outbox } from "./outbox.js";
import { encode, encodeJson } from "./wire.js";

/** Bytes under way to the host's server that it has not taken, and of one frame of them. What is typed waits for no more. */
const WINDOW_BYTES = 256 * 1024;
const PART_BYTES = 32 * 1024;
/** What has arrived is confirmed in steps of this many bytes; the edge sends 256 KiB beyond that. */
const ACK_BYTES = 32 * 1024;

/** Why the channel is closed, in words for a person. */
export interface Closed {
  code: string;
  text: string;
  hint: string;
}

/** What the channel reports to; after closed() nothing follows. */
export interface ChannelUser {
  opened(): void;
  bytes(bytes: Uint8Array): void;
  closed(why: Closed): void;
}

const LOST: Closed = { code: "lost", text: "The connection was lost.", hint: "Try again." };

export class FileChannel {
  private user: ChannelUser | undefined;
  /** Waits for the channel of the one before to be closed. */
  private next: ChannelUser | undefined;
  private ready = false;
  private outbox: Outbox | undefined;
  private received = 0;
  private confirmed = 0;

  /** `say`: puts a frame on the way to the edge. */
  constructor(private readonly say: (frame: Uint8Array<ArrayBuffer>) => void) {}

  /** For one user at a time: behind one that has closed it. */
  open(user: ChannelUser): void {
    if (!this.ready) return user.closed(LOST);
    if (this.user) {
      this.next = user;
      return;
    }
    this.user = user;
    this.received = this.confirmed = 0;
    this.outbox = new Outbox((part) => this.say(encode("D", part)), WINDOW_BYTES, PART_BYTES);
    this.say(encode("S", new Uint8Array(0)));
  }

  send(bytes: Uint8Array): void {
    this.outbox?.add(bytes);
  }

  /** The user is told once the edge has heard of it. */
  close(): void {
    if (this.user) this.say(encode("Q", new Uint8Array(0)));
  }

  // From the link:

  /** The session is open. */
  available(): void {
    this.ready = true;
  }

  bytes(payload: Uint8Array): void {
    this.received += payload.length;
    if (this.received - this.confirmed >= ACK_BYTES) {
      this.confirmed = this.received;
      this.say(encodeJson("A", { position: this.received }));
    }
    this.user?.bytes(payload);
  }

  taken(position: number): void {
    this.outbox?.confirm(position);
  }

  heard(event: Record<string, unknown>): void {
    if (event["open"] === true) this.user?.opened();
    else this.end(event as unknown as Closed);
  }

  /** The connection is gone, and the channel with it. */
  lost(): void {
    this.ready = false;
    this.end(LOST);
  }

  private end(why: Closed): void {
    const { user, next } = this;
    this.user = this.next = this.outbox = undefined;
    user?.closed(why);
    if (next) this.open(next);
  }
}
