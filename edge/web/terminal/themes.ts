// The colours of the terminal. The ratio that screen.ts asks for sees to it that all of them can be read.
import type { ITheme } from "@xterm/xterm";

/** Of the page around the terminal. */
export type Brightness = "light" | "dark";

export interface Scheme {
  brightness: Brightness;
  colours: ITheme;
}

const DARK: ITheme = {
  background: "#14171c", foreground: "#e4e7ec", cursor: "#e4e7ec", cursorAccent: "#14171c",
  selectionBackground: "#35507a", selectionInactiveBackground: "#2b3a52",
  black: "#3b4252", red: "#f0808a", green: "#8fd18a", yellow: "#e2c06c",
  blue: "#7fb0ff", magenta: "#d49bea", cyan: "#6fcfd3", white: "#d5d9e0",
  brightBlack: "#8a93a3", brightRed: "#ff9aa2", brightGreen: "#a9e2a4", brightYellow: "#f1d58c",
  brightBlue: "#a3c7ff", brightMagenta: "#e4b8f5", brightCyan: "#92e2e5", brightWhite: "#ffffff",
};

const LIGHT: ITheme = {
  background: "#fdfdfd", foreground: "#1c2127", cursor: "#1c2127", cursorAccent: "#fdfdfd",
  selectionBackground: "#b9d3ff", selectionInactiveBackground: "#dde6f3",
  black: "#1c2127", red: "#b3261e", green: "#1d6f2b", yellow: "#7a5600",
  blue: "#1f5fbf", magenta: "#8b2fa8", cyan: "#0b6a75", white: "#5c6470",
  brightBlack: "#5c6470", brightRed: "#c4342b", brightGreen: "#237b33", brightYellow: "#875f00",
  brightBlue: "#2a6bd0", brightMagenta: "#9a3bb8", brightCyan: "#0f7580", brightWhite: "#3a414b",
};

/** Solarized (ethanschoonover.com/solarized), whose light form has 16 of its colours; text is its emphasised one, for its contrast. */
const SOLARIZED_LIGHT: ITheme = {
  background: "#fdf6e3", foreground: "#586e75", cursor: "#586e75", cursorAccent: "#fdf6e3",
  selectionBackground: "#eee8d5", selectionInactiveBackground: "#eee8d5",
  black: "#073642", red: "#dc322f", green: "#859900", yellow: "#b58900",
  blue: "#268bd2", magenta: "#d33682", cyan: "#2aa198", white: "#eee8d5",
  brightBlack: "#002b36", brightRed: "#cb4b16", brightGreen: "#586e75", brightYellow: "#657b83",
  brightBlue: "#839496", brightMagenta: "#6c71c4", brightCyan: "#93a1a1", brightWhite: "#fdf6e3",
};

/** Gruvbox (github.com/morhetz/gruvbox), dark. */
const GRUVBOX_DARK: ITheme = {
  background: "#282828", foreground: "#ebdbb2", cursor: "#ebdbb2", cursorAccent: "#282828",
  selectionBackground: "#504945", selectionInactiveBackground: "#3c3836",
  black: "#282828", red: "#cc241d", green: "#98971a", yellow: "#d79921",
  blue: "#458588", magenta: "#b16286", cyan: "#689d6a", white: "#a89984",
  brightBlack: "#928374", brightRed: "#fb4934", brightGreen: "#b8bb26", brightYellow: "#fabd2f",
  brightBlue: "#83a598", brightMagenta: "#d3869b", brightCyan: "#8ec07c", brightWhite: "#ebdbb2",
};

/** Dracula (draculatheme.com). */
const DRACULA: ITheme = {
  background: "#282a36", foreground: "#f8f8f2", cursor: "#f8f8f2", cursorAccent: "#282a36",
  selectionBackground: "#44475a", selectionInactiveBackground: "#44475a",
  black: "#21222c", red: "#ff5555", green: "#50fa7b", yellow: "#f1fa8c",
  blue: "#bd93f9", magenta: "#ff79c6", cyan: "#8be9fd", white: "#f8f8f2",
  brightBlack: "#6272a4", brightRed: "#ff6e6e", brightGreen: "#69ff94", brightYellow: "#ffffa5",
  brightBlue: "#d6acff", brightMagenta: "#ff92df", brightCyan: "#a4ffff", brightWhite: "#ffffff",
};

/** By the names that terminal.html has for them. */
const SCHEMES: Record<string, Scheme> = {
  "light": { brightness: "light", colours: LIGHT },
  "dark": { brightness: "dark", colours: DARK },
  "solarized-light": { brightness: "light", colours: SOLARIZED_LIGHT },
  "gruvbox-dark": { brightness: "dark", colours: GRUVBOX_DARK },
  "dracula": { brightness: "dark", colours: DRACULA },
};

/** The scheme of that name; for any other name, the one for how bright the system is. */
export function schemeOf(name: string, system: Brightness): Scheme {
  return (Object.hasOwn(SCHEMES, name) && SCHEMES[name]) || { brightness: system, colours: system === "dark" ? DARK : LIGHT };
}
