// What a person has chosen, in this browser.

const KEY = "cfpipe-terminal-settings";
/** Font sizes in pixels. */
export const SMALLEST = 9;
export const LARGEST = 32;
const USUAL = 15;
/** Host keys that are remembered, the newest. */
const MOST_HOST_KEYS = 16;

export interface Settings {
  fontSize: number;
  /** One of fonts.ts; empty: the system's. */
  font: string;
  /** One of themes.ts; empty: as bright as the system is. */
  theme: string;
  /** The host may put text on the clipboard (OSC 52). */
  copy: boolean;
  /** A screen reader is told what the screen shows. */
  reader: boolean;
  /** Fingerprints of which the page need not say again that they are new. */
  hiddenHostKeys: string[];
}

export function load(storage: Storage): Settings {
  const usual: Settings = { fontSize: USUAL, font: "", theme: "", copy: false, reader: false, hiddenHostKeys: [] };
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
    font: String(settings.font),
    theme: String(settings.theme),
    copy: settings.copy === true,
    reader: settings.reader === true,
    hiddenHostKeys: Array.isArray(settings.hiddenHostKeys) ? settings.hiddenHostKeys.map(String).slice(-MOST_HOST_KEYS) : [],
  };
}
