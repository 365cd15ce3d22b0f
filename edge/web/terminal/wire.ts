// The frames between this page and its terminal (docs/TERMINAL.md): a letter, a length in four bytes, the payload.

/** Largest payload in either direction, in bytes. */
export const MAX_FRAME_BYTES = 64 * 1024;
const HEAD_BYTES = 5;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface Frame {
  kind: string;
  payload: Uint8Array;
}

export function encode(kind: string, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(HEAD_BYTES + payload.length);
  out[0] = kind.charCodeAt(0);
  new DataView(out.buffer).setUint32(1, payload.length);
  out.set(payload, HEAD_BYTES);
  return out;
}

export function encodeJson(kind: string, value: unknown): Uint8Array<ArrayBuffer> {
  return encode(kind, encoder.encode(JSON.stringify(value)));
}

export function readJson(payload: Uint8Array): Record<string, unknown> {
  return JSON.parse(decoder.decode(payload)) as Record<string, unknown>;
}

/** Takes the edge's stream apart into frames, however its messages cut it. */
export class FrameReader {
  private held = new Uint8Array(0);

  /** The frames that are whole now; throws when the stream cannot be understood. */
  feed(bytes: Uint8Array): Frame[] {
    const all = new Uint8Array(this.held.length + bytes.length);
    all.set(this.held);
    all.set(bytes, this.held.length);
    const frames: Frame[] = [];
    let at = 0;
    while (all.length - at >= HEAD_BYTES) {
      const size = new DataView(all.buffer).getUint32(at + 1);
      if (size > MAX_FRAME_BYTES) throw new Error("a frame is too large");
      if (all.length - at < HEAD_BYTES + size) break;
      const begin = at + HEAD_BYTES;
      frames.push({ kind: String.fromCharCode(all[at]!), payload: all.slice(begin, begin + size) });
      at = begin + size;
    }
    this.held = all.slice(at);
    return frames;
  }
}
