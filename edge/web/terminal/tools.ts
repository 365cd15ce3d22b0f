// The bar above the terminal: search, size of the text, settings.
import { element, make, onSubmit } from "./dom.js";
import { installedFonts } from "./fonts.js";
import type { Screen } from "./screen.js";
import { clean, save, type Settings } from "./settings.js";

export class Tools {
  private readonly search = element<HTMLFormElement>("search");
  private readonly sought = element<HTMLInputElement>("sought");
  private readonly found = element("found");

  constructor(private readonly screen: Screen, private readonly settings: Settings) {
    onSubmit(this.search, () => this.find(false));
    this.sought.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.closeSearch();
      if (event.key !== "Enter" || !event.shiftKey) return;
      event.preventDefault();
      this.find(true);
    });
    element("search-back").onclick = () => this.find(true);
    element("search-close").onclick = () => this.closeSearch();
    element("search-open").onclick = () => this.openSearch();
    element("smaller").onclick = () => this.resize(-1);
    element("larger").onclick = () => this.resize(1);
    this.flag("setting-copy", "copy");
    this.flag("setting-reader", "reader");
    for (const font of installedFonts()) element("setting-font").append(make("option", { value: font }, font));
    this.choice("setting-theme", "theme");
    this.choice("setting-font", "font");
    // In front of all others: neither the terminal nor a button that has the focus takes it for an Enter.
    addEventListener("keydown", (event) => this.wayOut(event), { capture: true });
  }

  /** The key that leads from the terminal, which has Tab for the host, to the page's buttons, and back (WCAG 2.1.2). */
  private wayOut(event: KeyboardEvent): void {
    if (event.key === "Tab" && this.screen.focused) document.body.dataset["keyboard"] = "yes";
    if (event.key !== "Enter" || !event.ctrlKey || !event.shiftKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (this.screen.focused) element("search-open").focus();
    else if (document.body.dataset["state"] === "open") this.screen.focus();
  }

  /** True if the key was one of ours. */
  keyDown(event: KeyboardEvent): boolean {
    if (!event.ctrlKey || !event.shiftKey || event.altKey || event.metaKey) return false;
    switch (event.code) {
      case "KeyC":
        if (this.screen.selection) void navigator.clipboard.writeText(this.screen.selection);
        break;
      case "KeyV":
        return true;  // the browser's own: it pastes as text
      case "KeyF":
        this.openSearch();
        break;
      case "Equal":
      case "NumpadAdd":
        this.resize(1);
        break;
      case "Minus":
      case "NumpadSubtract":
        this.resize(-1);
        break;
      default:
        return false;
    }
    event.preventDefault();
    return true;
  }

  private openSearch(): void {
    this.search.hidden = false;
    this.sought.select();
  }

  private closeSearch(): void {
    this.search.hidden = true;
    this.screen.focus();
  }

  private find(backwards: boolean): void {
    const found = !this.sought.value || this.screen.find(this.sought.value, backwards);
    this.found.textContent = found ? "" : "Not found";
  }

  private resize(by: number): void {
    Object.assign(this.settings, clean({ ...this.settings, fontSize: this.settings.fontSize + by }));
    this.changed();
  }

  private flag(id: string, name: "copy" | "reader"): void {
    const box = element<HTMLInputElement>(id);
    box.checked = this.settings[name];
    box.onchange = () => {
      this.settings[name] = box.checked;
      this.changed();
    };
  }

  /** What is not to be had any more (a font) counts as the first of the list. */
  private choice(id: string, name: "theme" | "font"): void {
    const list = element<HTMLSelectElement>(id);
    list.value = this.settings[name];
    if (list.selectedIndex < 0) list.value = "";
    list.onchange = () => {
      this.settings[name] = list.value;
      this.changed();
    };
  }

  private changed(): void {
    save(localStorage, this.settings);
    this.screen.apply(this.settings);
  }
}
