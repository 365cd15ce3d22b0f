// Where a download goes: into a file as it comes, where the browser can (File System Access), else into one piece that is then saved.

/** Most that a browser is given in one piece, in bytes; and of what is on its way into it: browsers put larger pieces on disk. */
export const MAX_PIECE_BYTES = 2 * 1024 ** 3;
const MERGE_BYTES = 16 * 1024 ** 2;
/** How long a browser may take to begin to save it, in milliseconds. */
const REVOKE_MS = 60_000;

export interface Sink {
  /** Most that it takes, in bytes. */
  readonly most: number;
  write(bytes: Uint8Array): Promise<void>;
  /** All of it is there. */
  finish(): Promise<void>;
  /** Nothing stays. */
  abandon(): Promise<void>;
}

interface SaveWindow {
  showSaveFilePicker?(options: { suggestedName: string }): Promise<FileSystemFileHandle>;
}

class FileSink implements Sink {
  readonly most = Number.MAX_SAFE_INTEGER;
  constructor(private readonly stream: FileSystemWritableFileStream) {}

  write(bytes: Uint8Array): Promise<void> {
    return this.stream.write(bytes as Uint8Array<ArrayBuffer>);
  }
  finish(): Promise<void> {
    return this.stream.close();
  }
  abandon(): Promise<void> {
    return this.stream.abort();
  }
}

class PieceSink implements Sink {
  readonly most = MAX_PIECE_BYTES;
  private whole = new Blob();
  private parts: Uint8Array<ArrayBuffer>[] = [];
  private waiting = 0;
  constructor(private readonly name: string) {}

  async write(bytes: Uint8Array): Promise<void> {
    this.parts.push(bytes.slice());
    this.waiting += bytes.length;
    if (this.whole.size + this.waiting > this.most) throw new RangeError("the file has grown too large");
    if (this.waiting >= MERGE_BYTES) this.merge();
  }

  async finish(): Promise<void> {
    this.merge();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(this.whole);
    link.download = this.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), REVOKE_MS);
  }

  async abandon(): Promise<void> {
    this.whole = new Blob();
    this.parts = [];
  }

  private merge(): void {
    this.whole = new Blob([this.whole, ...this.parts]);
    this.parts = [];
    this.waiting = 0;
  }
}

/** Asks the person where to, if the browser can; nothing: nowhere. */
export async function sinkFor(name: string): Promise<Sink | undefined> {
  const { showSaveFilePicker } = window as SaveWindow;
  if (!showSaveFilePicker) return new PieceSink(name);
  try {
    const file = await showSaveFilePicker.call(window, { suggestedName: name });
    return new FileSink(await file.createWritable());
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return undefined;
    if (error instanceof DOMException && error.name === "SecurityError") return new PieceSink(name);  // the click was too long ago
    throw error;
  }
}
