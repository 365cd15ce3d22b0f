// The WebSocket to the terminal: opened anew, or back to a session that goes on without us for a minute.
import { FileChannel } from "./channel.js";
import { Outbox } from "./outbox.js";
import { encode, encodeJson, FrameReader, readJson } from "./wire.js";

const PATH = "/cdn-cgi/access/terminal";
const REASON_HEADER = "Cfpipe-Reason";
/** Of a refusal: the path of a sign-out that leads back to this page. */
const ANOTHER_USER_HEADER = "Cfpipe-Another-User";
const IDENTITY_PATH = "/cdn-cgi/access/get-identity";
/** Output that has been drawn is confirmed in steps of this many bytes; the edge sends 256 KiB beyond that. */
export const ACK_BYTES = 32 * 1024;
/** How long the edge keeps a session that no page shows, in milliseconds. */
export const RETURN_MS = 60_000;
/** Between two tries to come back, in milliseconds: the first, and the longest. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;

export interface Size {
  cols: number;
  rows: number;
}

export interface Opened {
  session: string;
  user: string;
  position: number;
  end: number;
  ends: number;
  host_key: string;
  first_use: boolean;
}

export interface Prompt {
  text: string;
  echo: boolean;
}

export interface Asked {
  kind: "credentials" | "prompts";
  methods?: string[];
  error?: string;
  name?: string;
  instruction?: string;
  prompts?: Prompt[];
}

export interface Ended {
  code: string;
  text: string;
  hint: string;
  status: number;
  details: Record<string, unknown>;
  /** Where another user may sign in; empty where that may not help. */
  anotherUser?: string;
}

/** What happens; `output` calls back once the bytes are on the screen. */
export interface Listener {
  connecting(user: string): void;
  asked(question: Asked): void;
  opened(how: Opened, asked: number): void;
  output(bytes: Uint8Array, drawn: () => void): void;
  reconnecting(): void;
  /** The edge ends then (Unix seconds), and the session with it. */
  leaving(ends: number): void;
  ended(why: Ended): void;
  /** The session that has ended may be begun again by another user, who signs in at that path. */
  refused(anotherUser: string): void;
}

function lost(text: string, hint: string, code = "lost"): Ended {
  return { code, text, hint, status: 0, details: {} };
}

/** A browser does not say why a WebSocket was refused, so this asks; nothing, if it was not. */
async function whyRefused(aud: string): Promise<Ended | undefined> {
  try {
    const identity = await fetch(`${IDENTITY_PATH}?aud=${aud}`, { credentials: "same-origin" });
    if (identity.status === 401) return lost("Your sign-in has ended.", "Sign in again to go on.", "signed_out");
    const page = await fetch(location.pathname, { method: "HEAD", credentials: "same-origin", redirect: "manual" });
    if (page.status !== 403) return undefined;
    return {
      ...lost("You may not reach this host any more.", page.headers.get(REASON_HEADER) ?? "", "denied"),
      anotherUser: page.headers.get(ANOTHER_USER_HEADER) ?? "",
    };
  } catch {
    return undefined;
  }
}

export class Link {
  private socket: WebSocket | undefined;
  private outbox: Outbox | undefined;
  private session = "";
  private received = 0;
  private confirmed = 0;
  private over = false;
  private deadline = 0;
  private pause = FIRST_PAUSE_MS;
  /** Absolute position of the output up to which everything is on the screen. */
  drawn = 0;
  /** Files over the same connection; once the session is open. */
  readonly files = new FileChannel((frame) => this.say(frame));

  /** `aud`: of the application, of which the host may have several. */
  constructor(private readonly listener: Listener, private readonly size: () => Size, private readonly aud: string) {}

  /** The session that goes on at the edge, or nothing. */
  get sessionId(): string {
    return this.over ? "" : this.session;
  }

  /** The same, also where another window has it now. */
  get lastSession(): string {
    return this.session;
  }

  open(user: string): void {
    this.reset("", 0);
    this.dial({ user });
  }

  /** Back to a session of which everything up to `position` is on the screen. */
  attach(session: string, position: number): void {
    this.reset(session, position);
    this.deadline = Date.now() + RETURN_MS;
    this.listener.reconnecting();
    this.dial({ position });
  }

  type(bytes: Uint8Array): void {
    this.outbox?.add(bytes);
  }

  resize(): void {
    this.say(encodeJson("r", this.size()));
  }

  logIn(answer: unknown): void {
    this.say(encodeJson("l", answer));
  }

  quit(): void {
    this.say(encode("q", new Uint8Array(0)));
  }

  private reset(session: string, position: number): void {
    this.session = session;
    this.received = this.confirmed = this.drawn = position;
    this.over = false;
    this.pause = FIRST_PAUSE_MS;
  }

  private say(frame: Uint8Array<ArrayBuffer>): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(frame);
  }

  private dial(start: { user?: string; position?: number }): void {
    const session = this.session ? `&session=${encodeURIComponent(this.session)}` : "";
    const socket = new WebSocket(`wss://${location.host}${PATH}?aud=${this.aud}${session}`);
    socket.binaryType = "arraybuffer";
    const reader = new FrameReader();
    let greeted = false;
    socket.onopen = () => {
      greeted = true;
      this.outbox = new Outbox((part) => this.say(encode("d", part)));
      this.say(encodeJson("s", { ...this.size(), ...start }));
    };
    socket.onmessage = (message: MessageEvent<ArrayBuffer>) => {
      if (socket !== this.socket) return;
      for (const frame of reader.feed(new Uint8Array(message.data))) this.take(frame.kind, frame.payload);
    };
    socket.onclose = () => {
      if (socket !== this.socket || this.over) return;
      this.outbox = undefined;
      this.files.lost();
      void this.dropped(greeted);
    };
    this.socket = socket;
  }

  private take(kind: string, payload: Uint8Array): void {
    if (kind === "o") {
      this.received += payload.length;
      const end = this.received;
      this.listener.output(payload, () => this.confirm(end));
    } else if (kind === "i") {
      this.outbox?.confirm(Number(readJson(payload)["position"]));
    } else if (kind === "O") {
      this.files.bytes(payload);
    } else if (kind === "I") {
      this.files.taken(Number(readJson(payload)["position"]));
    } else {
      this.hear(readJson(payload));
    }
  }

  private confirm(position: number): void {
    this.drawn = position;
    if (position - this.confirmed < ACK_BYTES) return;
    this.confirmed = position;
    this.say(encodeJson("a", { position }));
  }

  private hear(event: Record<string, unknown>): void {
    switch (event["event"]) {
      case "connecting":
        return this.listener.connecting(String(event["user"]));
      case "ask":
        return this.listener.asked(event as unknown as Asked);
      case "open": {
        const how = event as unknown as Opened;
        const asked = this.received;
        this.session = how.session;
        this.files.available();
        this.pause = FIRST_PAUSE_MS;
        this.received = this.confirmed = this.drawn = how.position;
        return this.listener.opened(how, asked);
      }
      case "files":
        return this.files.heard(event);
      case "leaving":
        return this.listener.leaving(Number(event["ends"]));
      case "ended":
        this.end(event as unknown as Ended);
        if (event["code"] === "revoked") void this.lookForAnotherUser();
    }
  }

  /** A policy that ended the session may admit another user. */
  private async lookForAnotherUser(): Promise<void> {
    const refusal = await whyRefused(this.aud);
    if (this.over && refusal?.anotherUser) this.listener.refused(refusal.anotherUser);
  }

  private end(why: Ended): void {
    if (this.over) return;
    this.over = true;
    this.socket?.close();
    this.files.lost();
    this.listener.ended(why);
  }

  /** Without a last word: the network, a laptop's sleep, or a sign-in that is over. */
  private async dropped(greeted: boolean): Promise<void> {
    const refusal = greeted ? undefined : await whyRefused(this.aud);
    if (refusal) return this.end(refusal);
    if (!this.session) {
      return this.end(lost("The edge cannot be reached.", "Look at your network, and connect again."));
    }
    if (greeted) this.deadline = Date.now() + RETURN_MS;
    if (Date.now() > this.deadline) {
      return this.end(lost("The connection to the edge was lost for too long.", "Connect again."));
    }
    this.listener.reconnecting();
    setTimeout(() => this.dial({ position: this.received }), this.pause);
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE_MS);
  }
}
