// What a person has chosen, in this browser.

const KEY = "cfpipe-terminal-settings";
/** Font sizes in pixels. */
export const SMALLEST = 9;
export const LARGEST = 32;
const USUAL = 15;

export interface Settings {
  fontSize: number;
  /** The host may put text on the clipboard (OSC 52). */
  copy: boolean;
  /** A screen reader is told what the screen shows. */
  reader: boolean;
}

export function load(storage: Storage): Settings {
  const usual: Settings = { fontSize: USUAL, copy: false, reader: false };
  try {
    return clean({ ...usual, ...(JSON.parse(storage.getItem(KEY) ?? "{}") as Partial<Settings>) });
  } catch {
    return usual;
  }
}

export function save(storage: Storage, settings: Settings): void {
  try {
    storage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // A browser that keeps nothing asks again the next time.
  }
}

export function clean(settings: Settings): Settings {
  const size = Math.round(Number(settings.fontSize)) || USUAL;
  return {
    fontSize: Math.min(LARGEST, Math.max(SMALLEST, size)),
    copy: settings.copy === true,
    reader: settings.reader === true,
  };
}
