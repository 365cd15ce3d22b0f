// One upload, one download.
import { add, forget } from "./leftovers.js";
import type { Attributes } from "./packets.js";
import type { Handle, Sftp } from "./sftp.js";
import type { Sink } from "./sink.js";

/** One request, in bytes: every server takes so much (draft-ietf-secsh-filexfer-02, 3). */
const REQUEST_BYTES = 32 * 1024;
/** Requests under way: as much as the channel has room for; of reads twice, for the answers are what is large. */
const WRITES_AT_ONCE = 8;
const READS_AT_ONCE = 16;
/** What is read of a person's file at once, in bytes. */
const SLICE_BYTES = 1024 * 1024;
/** Random bytes in the name of a file that is not whole yet. */
const NAME_BYTES = 6;

/** Told of the bytes so far. */
export type Progress = (bytes: number) => void;

export const directoryOf = (path: string): string => path.slice(0, path.lastIndexOf("/")) || "/";
export const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
export const join = (directory: string, name: string): string => (directory.endsWith("/") ? directory : `${directory}/`) + name;

function temporaryName(): string {
  const random = crypto.getRandomValues(new Uint8Array(NAME_BYTES));
  return `.upload-${[...random].map((byte) => byte.toString(16).padStart(2, "0")).join("")}.part`;
}

/** `target`: where it goes; `before`: what is there and is replaced. Until it is whole it has another name, and it is
 *  removed if it does not become whole. */
export async function upload(
  sftp: Sftp, file: File, target: string, before: Attributes | undefined, progress: Progress, signal: AbortSignal,
): Promise<void> {
  const part = join(directoryOf(target), temporaryName());
  const handle = await sftp.open(part, "make");
  add(part);
  try {
    try {
      await writeAll(sftp, file, handle, progress, signal);
    } finally {
      await sftp.closeFile(handle);
    }
    signal.throwIfAborted();
    if (before?.permissions !== undefined) await sftp.setPermissions(part, before.permissions);
    await (before ? sftp.replace(part, target) : sftp.rename(part, target));
    forget(part);
  } catch (error) {
    await sftp.remove(part).then(() => forget(part), () => {});  // of a channel that is gone: later
    throw error;
  }
}

async function writeAll(sftp: Sftp, file: File, handle: Handle, progress: Progress, signal: AbortSignal): Promise<void> {
  const underWay: Promise<void>[] = [];
  let done = 0;
  try {
    for (let begin = 0; begin < file.size; begin += SLICE_BYTES) {
      const slice = new Uint8Array(await file.slice(begin, begin + SLICE_BYTES).arrayBuffer());
      for (let at = 0; at < slice.length; at += REQUEST_BYTES) {
        signal.throwIfAborted();
        if (underWay.length >= WRITES_AT_ONCE) await underWay.shift();
        const bytes = slice.subarray(at, at + REQUEST_BYTES);
        const request = sftp.write(handle, begin + at, bytes).then(() => progress((done += bytes.length)));
        request.catch(() => {});  // its turn comes below
        underWay.push(request);
      }
    }
  } finally {
    // What is under way is waited for in any case: the file is closed behind it.
    const rest = await Promise.allSettled(underWay);
    const failed = rest.find((one) => one.status === "rejected");
    if (failed) throw failed.reason;
  }
}

/** The whole file, as long as it turns out to be. */
export async function download(sftp: Sftp, path: string, sink: Sink, progress: Progress, signal: AbortSignal): Promise<void> {
  let handle: Handle | undefined;
  try {
    handle = await sftp.open(path, "read");
    await readAll(sftp, handle, sink, progress, signal);
    await sink.finish();
  } catch (error) {
    await sink.abandon().catch(() => {});
    throw error;
  } finally {
    if (handle) await sftp.closeFile(handle).catch(() => {});
  }
}

async function readAll(sftp: Sftp, handle: Handle, sink: Sink, progress: Progress, signal: AbortSignal): Promise<void> {
  const { size } = await sftp.fstat(handle);
  const underWay: Promise<Uint8Array | undefined>[] = [];
  let asked = 0;
  let got = 0;
  try {
    for (;;) {
      signal.throwIfAborted();
      // Behind the size that it had, one request shows whether the file has grown, or has no size (/proc).
      while (underWay.length < READS_AT_ONCE && (asked < size || underWay.length === 0)) {
        const request = sftp.read(handle, asked, REQUEST_BYTES);
        request.catch(() => {});  // its turn comes below
        underWay.push(request);
        asked += REQUEST_BYTES;
      }
      const end = got + REQUEST_BYTES;
      for (let bytes = await underWay.shift(); ; bytes = await sftp.read(handle, got, end - got)) {
        if (!bytes) return;
        await sink.write(bytes);
        got += bytes.length;
        progress(got);
        if (got === end) break;
        signal.throwIfAborted();
      }
    }
  } finally {
    await Promise.allSettled(underWay);
  }
}
