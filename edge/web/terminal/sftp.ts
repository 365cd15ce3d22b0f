// A client of SFTP, version 3, with many requests under way at once.
import type { Closed, FileChannel } from "./channel.js";
import { OPEN, PacketReader, Reader, REPLY, REQUEST, STATUS, Writer, type Attributes } from "./packets.js";

const VERSION = 3;
const POSIX_RENAME = "posix-rename@openssh.com";
const STATVFS = "statvfs@openssh.com";
const NOT_SFTP = "what answers speaks no SFTP (a forced command, perhaps)";

export type Handle = Uint8Array;
export interface Entry extends Attributes {
  name: string;
  /** The name is no UTF-8: it cannot be asked for. */
  strange: boolean;
}

/** The server's no to a request (a code of STATUS), or the end of the channel (`closed`). */
export class SftpError extends Error {
  constructor(message: string, readonly code: number, readonly closed?: Closed) {
    super(message);
  }
}

interface Waiting {
  resolve(reply: Reader, type: number): void;
  reject(error: Error): void;
}

const decoder = new TextDecoder();
const strict = new TextDecoder("utf-8", { fatal: true });

export class Sftp {
  private readonly packets = new PacketReader();
  private readonly waiting = new Map<number, Waiting>();
  private readonly extensions = new Set<string>();
  private lastId = 0;
  private over: SftpError | undefined;

  private constructor(private readonly channel: FileChannel) {}

  /** Opens the channel. `ended`: called once, when it has closed later on. */
  static start(channel: FileChannel, ended: () => void): Promise<Sftp> {
    const sftp = new Sftp(channel);
    return new Promise((resolve, reject) => {
      let ready = false;
      const fail = (error: SftpError) => {
        sftp.end(error);
        if (ready) ended();
        else reject(error);
      };
      channel.open({
        opened: () => channel.send(new Writer().number32(VERSION).packet(REQUEST.init)),
        bytes: (bytes) => {
          try {
            for (const packet of sftp.packets.feed(bytes)) {
              if (ready) sftp.take(packet);
              else sftp.greet(packet);
              ready = true;
            }
            if (ready) resolve(sftp);
          } catch {
            channel.close();
            sftp.end(new SftpError(NOT_SFTP, STATUS.failure));
          }
        },
        closed: (why) => fail(sftp.over ?? new SftpError(why.text, STATUS.failure, why)),
      });
    });
  }

  close(): void {
    this.channel.close();
  }

  async realpath(path: string): Promise<string> {
    const { reply } = await this.ask(REQUEST.realpath, new Writer().string(path), REPLY.name);
    reply.number32();
    return decoder.decode(reply.string());
  }

  /** Of what a link leads to. */
  async stat(path: string): Promise<Attributes> {
    return (await this.ask(REQUEST.stat, new Writer().string(path), REPLY.attrs)).reply.attributes();
  }

  async fstat(handle: Handle): Promise<Attributes> {
    return (await this.ask(REQUEST.fstat, new Writer().string(handle), REPLY.attrs)).reply.attributes();
  }

  /** The first `most` entries of a directory, without itself and its parent. */
  async list(path: string, most: number): Promise<Entry[]> {
    const handle = (await this.ask(REQUEST.opendir, new Writer().string(path), REPLY.handle)).reply.string();
    const entries: Entry[] = [];
    try {
      while (entries.length < most) {
        const { reply } = await this.ask(REQUEST.readdir, new Writer().string(handle), REPLY.name);
        for (let count = reply.number32(); count > 0; --count) this.addEntry(reply, entries);
      }
    } catch (error) {
      if (!(error instanceof SftpError) || error.code !== STATUS.eof) throw error;
    } finally {
      await this.closeFile(handle).catch(() => {});
    }
    return entries.slice(0, most);
  }

  /** `permissions`: of a file that is made; nothing: as the server has them. */
  async open(path: string, how: keyof typeof OPENINGS, permissions?: number): Promise<Handle> {
    const request = new Writer().string(path).number32(OPENINGS[how]).attributes(permissions);
    return (await this.ask(REQUEST.open, request, REPLY.handle)).reply.string();
  }

  /** Nothing at the end of the file. */
  async read(handle: Handle, offset: number, length: number): Promise<Uint8Array | undefined> {
    try {
      return (await this.ask(REQUEST.read, new Writer().string(handle).number64(offset).number32(length), REPLY.data)).reply.string();
    } catch (error) {
      if (error instanceof SftpError && error.code === STATUS.eof) return undefined;
      throw error;
    }
  }

  async write(handle: Handle, offset: number, bytes: Uint8Array): Promise<void> {
    await this.ask(REQUEST.write, new Writer().string(handle).number64(offset).string(bytes), REPLY.status);
  }

  async closeFile(handle: Handle): Promise<void> {
    await this.ask(REQUEST.close, new Writer().string(handle), REPLY.status);
  }

  async remove(path: string): Promise<void> {
    await this.ask(REQUEST.remove, new Writer().string(path), REPLY.status);
  }

  async setPermissions(path: string, permissions: number): Promise<void> {
    await this.ask(REQUEST.setstat, new Writer().string(path).attributes(permissions), REPLY.status);
  }

  /** Fails where there is something of that name already. */
  async rename(from: string, to: string): Promise<void> {
    await this.ask(REQUEST.rename, new Writer().string(from).string(to), REPLY.status);
  }

  /** In the place of what is there; in one step where the server can. */
  async replace(from: string, to: string): Promise<void> {
    if (this.extensions.has(POSIX_RENAME)) {
      await this.ask(REQUEST.extended, new Writer().string(POSIX_RENAME).string(from).string(to), REPLY.status);
      return;
    }
    await this.remove(to);
    await this.rename(from, to);
  }

  /** Bytes that the user may still write below that path; nothing where the server does not say. */
  async freeBytes(path: string): Promise<number | undefined> {
    if (!this.extensions.has(STATVFS)) return undefined;
    const { reply } = await this.ask(REQUEST.extended, new Writer().string(STATVFS).string(path), REPLY.extended);
    reply.number64();  // the block that is read best
    const blockBytes = reply.number64();
    const blocks = reply.number64();
    reply.number64();  // free, also for root
    return blocks > 0 ? blockBytes * reply.number64() : undefined;
  }

  private addEntry(reply: Reader, entries: Entry[]): void {
    const raw = reply.string();
    reply.string();  // the same in words, for a person
    const attributes = reply.attributes();
    let strange = false;
    try {
      strict.decode(raw);
    } catch {
      strange = true;
    }
    const name = decoder.decode(raw);
    if (name !== "." && name !== ".." && !name.includes("/")) entries.push({ ...attributes, name, strange });
  }

  private ask(type: number, body: Writer, wanted: number): Promise<{ reply: Reader }> {
    if (this.over) return Promise.reject(this.over);
    const id = (this.lastId = (this.lastId + 1) >>> 0);
    const rest = body.packet(type);
    // The id stands between the type and what the request is about.
    const packet = new Uint8Array(rest.length + 4);
    packet.set(rest.subarray(0, 5));
    packet.set(rest.subarray(5), 9);
    const view = new DataView(packet.buffer);
    view.setUint32(0, packet.length - 4);
    view.setUint32(5, id);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, {
        resolve: (reply, got) => {
          if (got === wanted && got !== REPLY.status) return resolve({ reply });
          if (got !== REPLY.status) return reject(new SftpError(NOT_SFTP, STATUS.failure));
          const code = reply.number32();
          const message = reply.left > 0 ? decoder.decode(reply.string()) : "";
          if (code === STATUS.ok && wanted === REPLY.status) resolve({ reply });
          else reject(new SftpError(message, code));
        },
        reject,
      });
      this.channel.send(packet);
    });
  }

  private greet(packet: Uint8Array): void {
    const reader = new Reader(packet);
    if (reader.number8() !== REPLY.version || reader.number32() < VERSION) throw new RangeError("another protocol");
    while (reader.left > 0) {
      this.extensions.add(decoder.decode(reader.string()));
      reader.string();
    }
  }

  private take(packet: Uint8Array): void {
    const reader = new Reader(packet);
    const type = reader.number8();
    const id = reader.number32();
    const waiting = this.waiting.get(id);
    if (!waiting) throw new RangeError("an answer to nothing");
    this.waiting.delete(id);
    waiting.resolve(reader, type);
  }

  private end(error: SftpError): void {
    this.over ??= error;
    for (const one of this.waiting.values()) one.reject(this.over);
    this.waiting.clear();
  }
}

const OPENINGS = { read: OPEN.read, make: OPEN.write | OPEN.create | OPEN.exclusive } as const;
