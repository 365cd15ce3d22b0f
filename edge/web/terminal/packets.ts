// The packets of SFTP, version 3 (draft-ietf-secsh-filexfer-02): numbers and strings in network order.

/** Largest packet that a server may send, in bytes: OpenSSH's own are up to 256 KiB. */
export const MAX_PACKET_BYTES = 256 * 1024 + 1024;
const HEAD_BYTES = 4;

export const REQUEST = {
  init: 1, open: 3, close: 4, read: 5, write: 6, fstat: 8, setstat: 9, opendir: 11, readdir: 12, remove: 13, realpath: 16, stat: 17,
  rename: 18, extended: 200,
} as const;
export const REPLY = { version: 2, status: 101, handle: 102, data: 103, name: 104, attrs: 105, extended: 201 } as const;
export const STATUS = { ok: 0, eof: 1, noSuchFile: 2, permissionDenied: 3, failure: 4 } as const;
export const OPEN = { read: 1, write: 2, create: 8, exclusive: 32 } as const;

const FLAG = { size: 1, owner: 2, permissions: 4, times: 8, extended: 0x80000000 } as const;
/** The kind of a file, in its permissions (POSIX's S_IFMT). */
const KIND_MASK = 0o170000;
const KINDS: Record<number, FileKind> = { 0o100000: "file", 0o040000: "directory", 0o120000: "link" };
export type FileKind = "file" | "directory" | "link" | "other";

export interface Attributes {
  size: number;
  /** Of POSIX, without the kind; nothing where the server does not say. */
  permissions: number | undefined;
  kind: FileKind;
}

const encoder = new TextEncoder();

/** One packet that is being put together. */
export class Writer {
  private parts: Uint8Array[] = [];
  private size = 0;

  number32(value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value);
    return this.add(bytes);
  }

  number64(value: number): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
    return this.add(bytes);
  }

  string(value: string | Uint8Array): this {
    const bytes = typeof value === "string" ? encoder.encode(value) : value;
    return this.number32(bytes.length).add(bytes);
  }

  /** Attributes that say nothing, or permissions alone. */
  attributes(permissions?: number): this {
    if (permissions === undefined) return this.number32(0);
    return this.number32(FLAG.permissions).number32(permissions);
  }

  /** With its length and its type in front. */
  packet(type: number): Uint8Array {
    const out = new Uint8Array(HEAD_BYTES + 1 + this.size);
    new DataView(out.buffer).setUint32(0, 1 + this.size);
    out[HEAD_BYTES] = type;
    let at = HEAD_BYTES + 1;
    for (const part of this.parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  private add(bytes: Uint8Array): this {
    this.parts.push(bytes);
    this.size += bytes.length;
    return this;
  }
}

/** What is left to read of a packet; throws a RangeError where it ends too early. */
export class Reader {
  private at = 0;
  private readonly view: DataView;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  number8(): number {
    return this.view.getUint8(this.at++);
  }

  number32(): number {
    this.at += 4;
    return this.view.getUint32(this.at - 4);
  }

  number64(): number {
    this.at += 8;
    return Number(this.view.getBigUint64(this.at - 8));
  }

  string(): Uint8Array {
    const size = this.number32();
    if (size > this.left) throw new RangeError("a string is longer than its packet");
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  attributes(): Attributes {
    const flags = this.number32();
    const size = flags & FLAG.size ? this.number64() : 0;
    if (flags & FLAG.owner) this.number64();
    const mode = flags & FLAG.permissions ? this.number32() : undefined;
    if (flags & FLAG.times) this.number64();
    for (let count = flags & FLAG.extended ? this.number32() : 0; count > 0; --count) {
      this.string();
      this.string();
    }
    const kind = mode === undefined ? "file" : KINDS[mode & KIND_MASK] ?? "other";
    return { size, permissions: mode === undefined ? undefined : mode & 0o7777, kind };
  }
}

/** Takes the server's stream apart into packets, however it was cut. */
export class PacketReader {
  private held: Uint8Array[] = [];
  private size = 0;

  /** The packets that are whole now, without their lengths; throws where one is too large. */
  feed(bytes: Uint8Array): Uint8Array[] {
    this.held.push(bytes);
    this.size += bytes.length;
    const out: Uint8Array[] = [];
    while (this.size >= HEAD_BYTES) {
      const head = this.join(HEAD_BYTES);
      const length = new DataView(head.buffer, head.byteOffset).getUint32(0);
      if (length === 0 || length > MAX_PACKET_BYTES) throw new RangeError("this is no packet of SFTP");
      if (this.size < HEAD_BYTES + length) break;
      const whole = this.join(HEAD_BYTES + length);
      out.push(whole.subarray(HEAD_BYTES, HEAD_BYTES + length));
      this.held[0] = whole.subarray(HEAD_BYTES + length);
      this.size -= HEAD_BYTES + length;
    }
    return out;
  }

  /** What is held, with at least so many bytes in one piece in front. */
  private join(wanted: number): Uint8Array {
    if (this.held[0]!.length < wanted) {
      const all = new Uint8Array(this.size);
      let at = 0;
      for (const part of this.held) {
        all.set(part, at);
        at += part.length;
      }
      this.held = [all];
    }
    return this.held[0]!;
  }
}
