// What the keys on the screen send: as xterm's do (XTerm Control Sequences, "PC-Style Function Keys"; terminfo's
// xterm-256color), by the mode that the program on the host has chosen.

/** Keys that are held while another is pressed. */
export interface Held {
  shift: boolean;
  alt: boolean;
  control: boolean;
}

const ESC = "\x1b";
/** The cursor's keys, which are ESC O … while a program asks for it (DECCKM), ESC [ … otherwise. */
const CURSOR: Record<string, string> = { up: "A", down: "B", right: "C", left: "D", home: "H", end: "F" };
/** F1 to F4 are always ESC O … */
const FIRST: Record<string, string> = { f1: "P", f2: "Q", f3: "R", f4: "S" };
/** Keys of the form ESC [ number ~ */
const NUMBERED: Record<string, number> = {
  insert: 2, delete: 3, pageup: 5, pagedown: 6,
  f5: 15, f6: 17, f7: 18, f8: 19, f9: 20, f10: 21, f11: 23, f12: 24,
};
/** Control characters of what is neither a letter nor a neighbour of the letters in ASCII. */
const CONTROL: Record<string, string> = {
  " ": "\0", "2": "\0", "3": ESC, "4": "\x1c", "5": "\x1d", "6": "\x1e", "7": "\x1f", "8": "\x7f",
  "/": "\x1f", "?": "\x7f", "\x7f": "\b",
};

function controlled(character: string): string {
  const code = character.charCodeAt(0);
  if (code >= 0x40 && code < 0x7f) return String.fromCharCode(code & 0x1f);
  return CONTROL[character] ?? character;
}

/** One character that was typed, with the keys that are held; longer texts stay as they are. */
export function characterWith(text: string, held: Held): string {
  if ([...text].length !== 1) return text;
  const character = held.shift ? text.toUpperCase() : text;
  return (held.alt ? ESC : "") + (held.control ? controlled(character) : character);
}

/** What a key that writes no character sends; nothing for one that is not known. */
export function keyWith(name: string, held: Held, applicationCursor: boolean): string | undefined {
  if (name === "escape") return held.alt ? ESC + ESC : ESC;
  if (name === "tab") return held.shift ? `${ESC}[Z` : `${held.alt ? ESC : ""}\t`;
  const sum = 1 + Number(held.shift) + 2 * Number(held.alt) + 4 * Number(held.control);
  const letter = CURSOR[name] ?? FIRST[name];
  if (letter) {
    if (sum > 1) return `${ESC}[1;${sum}${letter}`;
    return ESC + (name in FIRST || applicationCursor ? "O" : "[") + letter;
  }
  const number = NUMBERED[name];
  return number === undefined ? undefined : `${ESC}[${number}${sum > 1 ? `;${sum}` : ""}~`;
}
