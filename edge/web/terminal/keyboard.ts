// The keys below the terminal, for devices whose own keyboard does not have them.
import { element } from "./dom.js";
import { characterWith, keyWith, type Held } from "./keys.js";
import type { Screen } from "./screen.js";

/** A key that is held down repeats: after how long, and how often, in milliseconds. */
const REPEAT_AFTER_MS = 400;
const REPEAT_EVERY_MS = 60;

const encoder = new TextEncoder();

export class Keyboard {
  private readonly held: Record<keyof Held, HTMLButtonElement> = {
    shift: element<HTMLButtonElement>("key-shift"),
    alt: element<HTMLButtonElement>("key-alt"),
    control: element<HTMLButtonElement>("key-control"),
  };
  private repeating: number | undefined;

  constructor(private readonly screen: Screen, private readonly say: (text: string) => void) {
    const keys = element("keys");
    // The focus stays where it is: the device's own keyboard neither goes nor comes with each key.
    keys.addEventListener("mousedown", (event) => event.preventDefault());
    for (const event of ["pointerup", "pointercancel", "pointerleave"]) keys.addEventListener(event, () => this.release());
    addEventListener("blur", () => this.release());
    for (const button of keys.querySelectorAll("button")) this.add(button);
  }

  /** What the terminal has read from the device's keyboard, with the keys that are held here. */
  with(bytes: Uint8Array, text: string): Uint8Array {
    const held = this.heldNow();
    if (!Object.values(held).includes(true) || [...text].length !== 1) return bytes;
    this.letGo();
    return encoder.encode(characterWith(text, held));
  }

  private add(button: HTMLButtonElement): void {
    const name = button.id.replace("key-", "");
    if (name in this.held) {
      button.onclick = () => {
        button.ariaPressed = String(button.ariaPressed !== "true");
        this.screen.focus();  // the key that it is held for may be the device's
      };
    } else if (name === "more") {
      button.onclick = () => this.more(button);
    } else if (name === "paste") {
      button.onclick = () => void this.paste();
    } else {
      const text = button.textContent ?? "";
      button.onclick = () => this.press(name, text, this.heldNow());
      button.onpointerdown = () => this.repeat(name, text);
    }
  }

  private press(name: string, text: string, held: Held): void {
    this.letGo();
    this.screen.type(keyWith(name, held, this.screen.applicationCursor) ?? characterWith(text, held));
  }

  private repeat(name: string, text: string): void {
    this.release();
    const held = this.heldNow();
    this.repeating = window.setTimeout(() => {
      this.repeating = window.setInterval(() => this.press(name, text, held), REPEAT_EVERY_MS);
    }, REPEAT_AFTER_MS);
  }

  private release(): void {
    clearInterval(this.repeating);  // of a timeout as well (HTML, 8.6)
    this.repeating = undefined;
  }

  private more(button: HTMLButtonElement): void {
    const rows = element("more-keys");
    rows.hidden = !rows.hidden;
    button.ariaExpanded = String(!rows.hidden);
  }

  private async paste(): Promise<void> {
    try {
      this.screen.paste(await navigator.clipboard.readText());
      this.say("");
    } catch {
      this.say("This browser does not let the page read the clipboard. Allow it in the settings of the site, or paste by hand.");
    }
  }

  private heldNow(): Held {
    const is = (name: keyof Held) => this.held[name].ariaPressed === "true";
    return { shift: is("shift"), alt: is("alt"), control: is("control") };
  }

  private letGo(): void {
    for (const button of Object.values(this.held)) button.ariaPressed = "false";
  }
}
