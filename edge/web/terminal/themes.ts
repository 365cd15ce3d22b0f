// The colours of the terminal. The ratio that screen.ts asks for sees to it that all of them can be read.
import type { ITheme } from "@xterm/xterm";

export const DARK: ITheme = {
  background: "#14171c", foreground: "#e4e7ec", cursor: "#e4e7ec", cursorAccent: "#14171c",
  selectionBackground: "#35507a", selectionInactiveBackground: "#2b3a52",
  black: "#3b4252", red: "#f0808a", green: "#8fd18a", yellow: "#e2c06c",
  blue: "#7fb0ff", magenta: "#d49bea", cyan: "#6fcfd3", white: "#d5d9e0",
  brightBlack: "#8a93a3", brightRed: "#ff9aa2", brightGreen: "#a9e2a4", brightYellow: "#f1d58c",
  brightBlue: "#a3c7ff", brightMagenta: "#e4b8f5", brightCyan: "#92e2e5", brightWhite: "#ffffff",
};

export const LIGHT: ITheme = {
  background: "#fdfdfd", foreground: "#1c2127", cursor: "#1c2127", cursorAccent: "#fdfdfd",
  selectionBackground: "#b9d3ff", selectionInactiveBackground: "#dde6f3",
  black: "#1c2127", red: "#b3261e", green: "#1d6f2b", yellow: "#7a5600",
  blue: "#1f5fbf", magenta: "#8b2fa8", cyan: "#0b6a75", white: "#5c6470",
  brightBlack: "#5c6470", brightRed: "#c4342b", brightGreen: "#237b33", brightYellow: "#875f00",
  brightBlue: "#2a6bd0", brightMagenta: "#9a3bb8", brightCyan: "#0f7580", brightWhite: "#3a414b",
};
