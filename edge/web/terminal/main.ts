// The page of a terminal in the browser.
import "@xterm/xterm/css/xterm.css";
import "./terminal.css";
import { Countdown } from "./countdown.js";
import { element } from "./dom.js";
import { Files } from "./files.js";
import { HostKeyLine } from "./hostkey.js";
import { Keyboard } from "./keyboard.js";
import { Link, type Asked, type Ended, type Opened } from "./link.js";
import { Panel } from "./panel.js";
import { keep, takeBack } from "./saved.js";
import { Screen } from "./screen.js";
import { load } from "./settings.js";
import { Tools } from "./tools.js";

type State = "waiting" | "connecting" | "asking" | "open" | "reconnecting" | "ended";

class Page {
  private readonly application = document.body.dataset["application"] ?? "";
  private readonly users = (document.body.dataset["users"] ?? "").split(",").filter(Boolean);
  private readonly settings = load(localStorage);
  private readonly screen: Screen;
  private readonly tools: Tools;
  private readonly keyboard: Keyboard;
  private readonly hostKey: HostKeyLine;
  private readonly panel: Panel;
  private readonly link: Link;
  private readonly files: Files;
  private readonly countdown = new Countdown(element("countdown"));
  private readonly disconnect = element<HTMLButtonElement>("disconnect");
  private user = document.body.dataset["user"] ?? "";
  private taken = "";
  /** Of the session, in Unix seconds; 0: there is no end. */
  private ends = 0;
  /** Absolute position of the output up to which it is drawn again: what the terminal answers to it goes nowhere. */
  private replayEnd = 0;
  /** What the page will say once it shows everything that came before; empty unless it waits for that. */
  private opening = "";

  constructor() {
    this.screen = new Screen(element("screen"), this.settings, {
      typed: (bytes, text) => this.link.type(this.keyboard.with(bytes, text)),
      resized: () => this.link?.resize(),
      titled: (title) => (document.title = title ? `${title} – ${this.application}` : this.application),
      key: (event) => this.tools.keyDown(event),
    });
    this.tools = new Tools(this.screen, this.settings);
    this.keyboard = new Keyboard(this.screen, (text) => (element("notice").textContent = text));
    this.hostKey = new HostKeyLine(this.settings, () => this.screen.focus());
    this.panel = new Panel({
      connect: (user) => this.connect(user),
      logIn: (answer) => {
        this.panel.hide();
        this.show("connecting", `Logging in as ${this.user}…`);
        this.link.logIn(answer);
      },
    });
    this.link = new Link({
      connecting: (user) => this.show("connecting", `Connecting as ${user}…`),
      asked: (question) => this.asked(question),
      opened: (how, asked) => this.opened(how, asked),
      output: (bytes, drawn) => this.screen.write(bytes, () => this.drawn(drawn)),
      reconnecting: () => this.show("reconnecting", "Reconnecting…"),
      leaving: (ends) => this.leaving(ends),
      ended: (why) => this.ended(why),
      refused: (anotherUser) => this.panel.offerAnotherUser(anotherUser),
    }, () => this.screen.size, document.body.dataset["aud"] ?? "");
    this.files = new Files(this.link.files, () => this.screen.focus());
    this.disconnect.onclick = () => this.link.quit();
    addEventListener("pagehide", () => this.leave());
  }

  start(): void {
    const saved = takeBack(sessionStorage, Date.now(), this.application);
    if (saved) {
      this.user = saved.user;
      this.screen.restore(saved.screen);
      this.replayEnd = saved.position;
      this.link.attach(saved.session, saved.screen ? saved.position : 0);
    } else if (this.users.length === 1) {
      this.connect(this.user);
    } else {
      this.show("waiting", "Not connected");
      this.panel.askUser(this.user);
    }
  }

  private connect(user: string): void {
    this.user = user || this.user;
    this.panel.hide();
    this.replayEnd = 0;
    if (this.taken) {
      const session = this.taken;
      this.taken = "";
      return this.link.attach(session, this.link.drawn);
    }
    this.screen.clear();
    this.show("connecting", `Connecting as ${this.user}…`);
    this.link.open(this.user);
  }

  private asked(question: Asked): void {
    this.show("asking", "The server asks who you are");
    this.panel.ask(question, this.user);
  }

  private opened(how: Opened, asked: number): void {
    this.user = how.user;
    this.panel.hide();
    // The edge no longer had what was missed: what follows is the last of the output, with questions that a terminal has
    // answered already.
    if (how.position !== asked) {
      this.screen.clear();
      this.replayEnd ||= how.end;
    }
    this.opening = `Connected as ${how.user}`;
    this.screen.whenDrawn(() => this.live());  // also what a reload has restored
    this.hostKey.show(how.host_key, how.first_use);
    element("state").title = `Host key ${how.host_key}`;
    this.ends = how.ends;
    this.countdown.until(this.ends);
    this.link.resize();
  }

  private drawn(confirm: () => void): void {
    confirm();
    this.live();
  }

  /** From here on, what is typed is for the host, and so are the terminal's own answers. */
  private live(): void {
    if (this.opening && this.link.drawn >= this.replayEnd) this.show("open", this.opening);
  }

  private leaving(ends: number): void {
    this.ends = this.ends > 0 ? Math.min(this.ends, ends) : ends;
    this.countdown.until(this.ends);
    const at = new Date(this.ends * 1000).toLocaleTimeString();
    const text = `Connected as ${this.user}. The edge restarts: this session ends at ${at}, a new one can be opened now`;
    if (this.opening) this.opening = text;
    else this.show("open", text);
  }

  private ended(why: Ended): void {
    this.countdown.until(0);
    this.taken = why.code === "elsewhere" ? this.link.lastSession : "";
    this.show("ended", "Not connected");
    this.panel.ended(why, this.user);
  }

  private show(state: State, text: string): void {
    this.opening = "";
    document.body.dataset["state"] = state;
    element("state-text").textContent = text;
    this.disconnect.hidden = state === "ended" || state === "waiting";
    this.screen.accept(state === "open");
    this.files.offer(state === "open", state === "ended");
  }

  private leave(): void {
    const session = this.link.sessionId;
    if (!session) return;
    keep(sessionStorage, {
      application: this.application, session, user: this.user, position: this.link.drawn, screen: this.screen.serialized(), time: Date.now(),
    });
  }
}

new Page().start();
