// What a page leaves for the one that is loaded in its place: the session, and the screen as it was.

/** How old it may be, in milliseconds: the edge keeps a session for as long. */
export const MAX_AGE_MS = 60_000;
/** Largest screen that is kept, in characters. */
export const MAX_SCREEN_CHARS = 1024 * 1024;
const KEY = "cfpipe-terminal";

export interface Saved {
  application: string;
  session: string;
  user: string;
  /** Absolute position of the output up to which it was drawn, and the terminal has answered what a host asked. */
  position: number;
  /** Empty: it was too large, and the output has to be drawn again. */
  screen: string;
  time: number;
}

export function keep(storage: Storage, saved: Saved): void {
  // Without the screen the edge sends again what it still has.
  const fits = saved.screen.length <= MAX_SCREEN_CHARS;
  const kept = fits ? saved : { ...saved, screen: "" };
  try {
    storage.setItem(KEY, JSON.stringify(kept));
  } catch {
    storage.removeItem(KEY);
  }
}

/** Once: it is gone with this call. Another application of the same host has no use for it. */
export function takeBack(storage: Storage, now: number, application: string): Saved | undefined {
  const text = storage.getItem(KEY);
  storage.removeItem(KEY);
  if (!text) return undefined;
  try {
    const saved = JSON.parse(text) as Saved;
    const ours = saved.session && saved.application === application;
    return ours && now - saved.time < MAX_AGE_MS ? saved : undefined;
  } catch {
    return undefined;
  }
}
