// The bar above the terminal: search, size of the text, settings.
import { element, onSubmit } from "./dom.js";
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

  private changed(): void {
    save(localStorage, this.settings);
    this.screen.apply(this.settings);
  }
}
