// The terminal itself: xterm and its add-ons.
import { ClipboardAddon, type ClipboardSelectionType } from "@xterm/addon-clipboard";
import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { SerializeAddon } from "@xterm/addon-serialize";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal } from "@xterm/xterm";
import { familyOf } from "./fonts.js";
import type { Settings } from "./settings.js";
import { schemeOf } from "./themes.js";

/** Lines above the screen that can be scrolled back to, and those that outlive a reload. */
const SCROLLBACK_LINES = 5000;
const KEPT_LINES = 2000;
/** Of text to what is behind it, whatever colours a program chooses (WCAG 1.4.3). */
const CONTRAST = 4.5;

const encoder = new TextEncoder();

export interface ScreenListener {
  /** `text`: the same, where it was text. */
  typed(bytes: Uint8Array, text: string): void;
  resized(): void;
  titled(title: string): void;
  /** True if the key was one of the page's own. */
  key(event: KeyboardEvent): boolean;
}

/** xterm makes styles while it runs, which the policy of the page refuses unless they show its nonce. And it writes attributes
 *  `style`, which cannot; the same through an element's own style is no fault. */
function keepToPolicy(): void {
  const nonce = document.querySelector("style")?.nonce ?? "";
  const make = document.createElement.bind(document);
  document.createElement = ((name: string, options?: ElementCreationOptions) => {
    const element = make(name, options);
    if (element instanceof HTMLStyleElement) element.nonce = nonce;
    return element;
  }) as typeof document.createElement;
  const setAttribute = HTMLElement.prototype.setAttribute;
  HTMLElement.prototype.setAttribute = function (name: string, value: string) {
    if (name === "style") this.style.cssText = value;
    else setAttribute.call(this, name, value);
  };
}

function openLink(event: MouseEvent, uri: string): void {
  event.preventDefault();
  if (/^https?:/i.test(uri)) window.open(uri, "_blank", "noopener,noreferrer");
}

export class Screen {
  private readonly terminal: Terminal;
  private readonly fit = new FitAddon();
  private readonly finder = new SearchAddon();
  private readonly serializer = new SerializeAddon();
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");
  private fitting = false;

  constructor(private readonly place: HTMLElement, settings: Settings, listener: ScreenListener) {
    keepToPolicy();
    this.terminal = new Terminal({
      allowProposedApi: true,  // the add-on for widths of characters needs it
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      fontFamily: familyOf(settings.font),
      fontSize: settings.fontSize,
      minimumContrastRatio: CONTRAST,
      screenReaderMode: settings.reader,
      scrollback: SCROLLBACK_LINES,
    });
    this.paint(settings);
    this.dark.onchange = () => this.paint(settings);
    const unicode = new Unicode11Addon();
    const clipboard = new ClipboardAddon(undefined, {
      readText: () => "",  // a host never learns what is on it
      writeText: (_: ClipboardSelectionType, text: string) => {
        if (settings.copy && text) void navigator.clipboard.writeText(text);
      },
    });
    for (const addon of [this.fit, this.finder, this.serializer, unicode, clipboard, new WebLinksAddon(openLink)])
      this.terminal.loadAddon(addon);
    this.terminal.unicode.activeVersion = "11";
    this.terminal.open(place);
    this.terminal.textarea?.setAttribute("aria-describedby", "way-out");
    this.terminal.onData((text) => listener.typed(encoder.encode(text), text));
    this.terminal.onBinary((text) => listener.typed(Uint8Array.from(text, (c) => c.charCodeAt(0)), ""));
    this.terminal.onResize(() => listener.resized());
    this.terminal.onTitleChange((title) => listener.titled(title));
    this.terminal.attachCustomKeyEventHandler((event) => event.type !== "keydown" || !listener.key(event));
    new ResizeObserver(() => this.fitSoon()).observe(place);
    this.fit.fit();
  }

  get size(): { cols: number; rows: number } {
    return { cols: this.terminal.cols, rows: this.terminal.rows };
  }

  get selection(): string {
    return this.terminal.getSelection();
  }

  write(bytes: Uint8Array, drawn: () => void): void {
    this.terminal.write(bytes, drawn);
  }

  /** `text` as serialized() gave it, on an empty screen. */
  restore(text: string): void {
    this.terminal.write(text);
  }

  /** Calls back once all that was written before is on the screen. */
  whenDrawn(done: () => void): void {
    this.terminal.write("", done);
  }

  serialized(): string {
    return this.serializer.serialize({ scrollback: KEPT_LINES });
  }

  clear(): void {
    this.terminal.reset();
  }

  /** What a key sends: as it is. */
  type(text: string): void {
    this.terminal.input(text);
  }

  /** As a paste: told from what is typed, where the program has asked for that. */
  paste(text: string): void {
    this.terminal.paste(text);
  }

  /** The program on the host wants the other sequences of the cursor's keys (DECCKM). */
  get applicationCursor(): boolean {
    return this.terminal.modes.applicationCursorKeysMode;
  }

  apply(settings: Settings): void {
    this.paint(settings);
    this.terminal.options.fontFamily = familyOf(settings.font);
    this.terminal.options.fontSize = settings.fontSize;
    this.terminal.options.screenReaderMode = settings.reader;
    this.fitSoon();
  }

  /** Without, neither keys nor the terminal's answers to what a host asks (xterm holds both back) go anywhere. */
  accept(input: boolean): void {
    this.terminal.options.disableStdin = !input;
    if (input) this.terminal.focus();
  }

  focus(): void {
    this.terminal.focus();
  }

  /** What is typed goes to the terminal. */
  get focused(): boolean {
    return this.terminal.element?.contains(document.activeElement) ?? false;
  }

  find(text: string, backwards: boolean): boolean {
    return backwards ? this.finder.findPrevious(text) : this.finder.findNext(text);
  }

  /** Also the page around the terminal, which is as bright. */
  private paint(settings: Settings): void {
    const scheme = schemeOf(settings.theme, this.dark.matches ? "dark" : "light");
    this.terminal.options.theme = scheme.colours;
    this.place.parentElement!.style.background = scheme.colours.background ?? "";
    document.documentElement.style.colorScheme = scheme.brightness;
  }

  /** One fit for all the sizes that a frame has seen. */
  private fitSoon(): void {
    if (this.fitting) return;
    this.fitting = true;
    requestAnimationFrame(() => {
      this.fitting = false;
      this.fit.fit();
    });
  }
}
