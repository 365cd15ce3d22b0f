// The line that says that a host key is new. It can be put away, for that key.
import { element } from "./dom.js";
import { clean, save, type Settings } from "./settings.js";

export class HostKeyLine {
  private readonly text = element("host-key");
  private shown = "";

  /** `putAway`: called once the line is gone, with the button that had the focus. */
  constructor(private readonly settings: Settings, putAway: () => void) {
    element("host-key-hide").onclick = () => {
      const hidden = [...this.settings.hiddenHostKeys, this.shown];
      Object.assign(this.settings, clean({ ...this.settings, hiddenHostKeys: hidden }));
      save(localStorage, this.settings);
      this.text.textContent = "";
      putAway();
    };
  }

  /** The fingerprint of the host's key, and whether this session was the first to see it. */
  show(fingerprint: string, first: boolean): void {
    this.shown = fingerprint;
    const told = first && !this.settings.hiddenHostKeys.includes(fingerprint);
    this.text.textContent = told ? `New host key, recorded now: ${fingerprint}` : "";
  }
}
