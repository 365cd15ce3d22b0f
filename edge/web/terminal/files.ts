// The panel for files: a directory of the host, uploads into it, downloads from it.
import type { FileChannel } from "./channel.js";
import { element, make, onSubmit } from "./dom.js";
import * as leftovers from "./leftovers.js";
import { STATUS, type Attributes } from "./packets.js";
import { Sftp, SftpError, type Entry } from "./sftp.js";
import { sinkFor } from "./sink.js";
import { directoryOf, download, join, nameOf, upload } from "./transfer.js";
import { inUnits, MOST_WAITING, Transfers } from "./transfers.js";

/** Entries of a directory that are shown. */
const MOST_ENTRIES = 2000;

/** As a person can read it: a name may have any characters. */
const shown = (name: string): string => name.replace(/\p{C}/gu, "�");

type Answer = "replace" | "skip";

export class Files {
  private readonly panel = element("files");
  private readonly button = element<HTMLButtonElement>("files-open");
  private readonly path = element<HTMLInputElement>("files-path");
  private readonly text = element("files-text");
  private readonly list = element("files-list");
  private readonly picker = element<HTMLInputElement>("files-input");
  private readonly question = element("files-question");
  private readonly transfers = new Transfers((error) => this.explain(error), (part) => this.progress(part));
  private readonly allowed = document.body.dataset["files"] === "on";
  private sftp: Promise<Sftp> | undefined;
  private directory = "";
  /** Of what is looked at: an answer that comes later than the next question is left out. */
  private turn = 0;
  private answer: ((answer: Answer) => void) | undefined;

  /** `back`: gives the focus to the terminal. */
  constructor(private readonly channel: FileChannel, private readonly back: () => void) {
    this.button.onclick = () => (this.panel.hidden ? this.open() : this.close());
    element("files-close").onclick = () => this.close();
    this.panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
    onSubmit(element("files-go"), () => void this.go(this.path.value.trim()));
    element("files-upload").onclick = () => this.picker.click();
    this.picker.onchange = () => {
      void this.uploadAll([...(this.picker.files ?? [])]);
      this.picker.value = "";
    };
    element("files-replace").onclick = () => this.answer?.("replace");
    element("files-skip").onclick = () => this.answer?.("skip");
    this.takeDrops();
    addEventListener("beforeunload", (event) => {
      if (this.transfers.busy) event.preventDefault();
    });
  }

  /** Whether there is a session to move files in; `over`: there will be no more of it. */
  offer(open: boolean, over: boolean): void {
    this.button.hidden = !open || !this.allowed;
    if (open && this.allowed && !this.transfers.busy && leftovers.all().length > 0) void this.clean();
    if (over) this.hide();
  }

  private open(): void {
    this.panel.hidden = false;
    document.body.dataset["panel"] = "files";
    this.button.ariaExpanded = "true";
    this.path.focus();
    void this.go(this.directory || ".");
  }

  private close(): void {
    this.hide();
    this.rest();
    this.back();
  }

  private hide(): void {
    this.answer?.("skip");
    this.panel.hidden = true;
    delete document.body.dataset["panel"];
    this.button.ariaExpanded = "false";
  }

  /** Without a panel and a transfer, no channel is needed. */
  private rest(): void {
    if (!this.panel.hidden || this.transfers.busy || !this.sftp) return;
    void this.sftp.then((sftp) => sftp.close(), () => {});
    this.sftp = undefined;
  }

  /** One channel for all of it. */
  private connected(): Promise<Sftp> {
    if (!this.sftp) {
      const gone = () => {
        if (this.sftp === begun) this.sftp = undefined;
      };
      const begun = Sftp.start(this.channel, gone);
      begun.catch(gone);
      this.sftp = begun;
    }
    return this.sftp;
  }

  private async clean(): Promise<void> {
    try {
      const sftp = await this.connected();
      for (const path of leftovers.all()) await sftp.remove(path).then(() => leftovers.forget(path), () => {});
    } catch {
      // The next session tries again.
    }
    this.rest();
  }

  /** Shows that directory, or downloads that file. */
  private async go(path: string): Promise<void> {
    const turn = ++this.turn;
    const typed = this.path.value;
    this.tell("Looking…");
    try {
      const sftp = await this.connected();
      const whole = await sftp.realpath(path || ".");
      const found = await sftp.stat(whole);
      if (turn !== this.turn) return;
      if (found.kind !== "directory") return await this.fetch(whole, found);
      const entries = await sftp.list(whole, MOST_ENTRIES);
      if (turn !== this.turn) return;
      this.directory = whole;
      if (this.path.value === typed) this.path.value = whole;
      this.render(entries);
      this.tell(entries.length < MOST_ENTRIES ? "" : `The first ${MOST_ENTRIES} entries. Others are reached by their path.`);
    } catch (error) {
      if (turn === this.turn) this.tell(this.explain(error, path));
    }
  }

  private render(entries: Entry[]): void {
    const first = (one: Entry) => (one.kind === "directory" ? 0 : 1);
    entries.sort((a, b) => first(a) - first(b) || a.name.localeCompare(b.name));
    const row = (label: string, hint: string, path: string, disabled = false) =>
      make("li", {}, make("button", { type: "button", disabled, onclick: () => void this.go(path) },
        make("bdi", { className: "name" }, label), make("span", { className: "hint" }, hint)));
    const up = this.directory === "/" ? [] : [row("..", "up", directoryOf(this.directory))];
    const hint = (one: Entry) => (one.strange ? "a name that is not UTF-8" : one.kind === "file" ? inUnits(one.size) : one.kind);
    const rows = entries.map((one) => row(shown(one.name) + (one.kind === "directory" ? "/" : ""), hint(one),
      join(this.directory, one.name), one.strange || one.kind === "other"));
    this.list.replaceChildren(...up, ...rows);
  }

  private async fetch(path: string, found: Attributes): Promise<void> {
    const name = nameOf(path);
    if (found.kind !== "file") return this.tell(`${shown(path)} is neither a file nor a directory.`);
    if (this.transfers.full) return this.tell(`At most ${MOST_WAITING} transfers wait. Try again when some are done.`);
    const sink = await sinkFor(name);
    if (!sink) return this.tell("");
    if (found.size > sink.most) {
      return this.tell(`${shown(name)} has ${inUnits(found.size)}; this browser saves at most ${inUnits(sink.most)}. Use another browser (Chrome, Edge), or scp.`);
    }
    this.tell("");
    this.transfers.add(`Download ${shown(name)}`, found.size, async (progress, signal) => {
      const sftp = await this.connected().catch(async (error: unknown) => {
        await sink.abandon();
        throw error;
      });
      await download(sftp, path, sink, progress, signal);
    });
  }

  private async uploadAll(files: File[]): Promise<void> {
    try {
      const sftp = await this.connected();
      this.directory ||= await sftp.realpath(".");
      for (const file of files) await this.uploadOne(sftp, file, join(this.directory, file.name));
    } catch (error) {
      this.tell(this.explain(error));
    }
  }

  private async uploadOne(sftp: Sftp, file: File, wanted: string): Promise<void> {
    if (this.transfers.full) return this.tell(`At most ${MOST_WAITING} transfers wait. Try again when some are done.`);
    const before = await sftp.stat(wanted).catch((error: unknown) => {
      if (error instanceof SftpError && error.code === STATUS.noSuchFile) return undefined;
      throw error;
    });
    if (before && before.kind !== "file") return this.tell(`${shown(wanted)} is no file, and is not replaced.`);
    if (before && (await this.ask(file.name)) === "skip") return;
    // What a link leads to is replaced, not the link.
    const target = before ? await sftp.realpath(wanted) : wanted;
    const room = await sftp.freeBytes(directoryOf(target)).catch(() => undefined);
    if (room !== undefined && room < file.size) {
      return this.tell(`${shown(file.name)} has ${inUnits(file.size)}; ${shown(directoryOf(target))} has room for ${inUnits(room)}. Free some space there, or choose another directory.`);
    }
    this.transfers.add(`Upload ${shown(file.name)}`, file.size, async (progress, signal) => {
      const now = await this.connected();
      try {
        await upload(now, file, target, before, progress, signal);
      } catch (error) {
        const full = await now.freeBytes(directoryOf(target)).then((left) => left === 0, () => false);
        if (full) throw new Error(`No space is left in ${shown(directoryOf(target))}. Free some there, and try again.`);
        throw error;
      }
      if (!this.panel.hidden && directoryOf(target) === this.directory) void this.go(this.directory);
    });
  }

  /** Whether a file that is there is to be replaced; one question at a time. */
  private ask(name: string): Promise<Answer> {
    element("files-question-text").textContent = `${shown(name)} is there already.`;
    if (this.panel.hidden) this.open();
    this.question.hidden = false;
    element("files-skip").focus();
    return new Promise((resolve) => {
      this.answer = (answer) => {
        this.question.hidden = true;
        this.answer = undefined;
        element("files-upload").focus();
        resolve(answer);
      };
    });
  }

  /** Files that are dropped anywhere on the page. */
  private takeDrops(): void {
    const takes = (event: DragEvent) => !this.button.hidden && event.dataTransfer?.types.includes("Files") === true;
    addEventListener("dragover", (event) => {
      if (takes(event)) event.preventDefault();
    });
    addEventListener("drop", (event) => {
      if (!takes(event)) return;
      event.preventDefault();
      const items = [...(event.dataTransfer?.items ?? [])];
      const files = items.filter((one) => one.webkitGetAsEntry()?.isDirectory !== true)
        .map((one) => one.getAsFile()).filter((one) => one !== null);
      if (this.panel.hidden) this.open();
      if (files.length < items.length) this.tell("Directories are not uploaded: pack them into one file first.");
      void this.uploadAll(files);
    });
  }

  private progress(part: number | undefined): void {
    this.button.textContent = part === undefined ? "Files" : `Files ${Math.floor(100 * part)} %`;
    if (part === undefined) this.rest();
  }

  private tell(text: string): void {
    this.text.textContent = text;
  }

  /** One line, with the next step. */
  private explain(error: unknown, path = ""): string {
    const what = path ? ` for ${shown(path)}` : "";
    if (error instanceof DOMException && error.name === "NotReadableError") {
      return "This browser cannot read the file any more. Choose it again.";
    }
    if (!(error instanceof SftpError)) return error instanceof Error ? error.message : String(error);
    if (error.closed) return `${error.closed.text} ${error.closed.hint}`.trim() || "The transfer was ended.";
    if (error.code === STATUS.permissionDenied) {
      return `Permission denied${what}. Choose another directory, such as the home directory, or change the permissions in the shell.`;
    }
    if (error.code === STATUS.noSuchFile) return `There is no such file or directory${path ? `: ${shown(path)}` : ""}. Look at the path.`;
    return `The host refuses: ${shown(error.message) || "it does not say why"}. Try another directory, or ask the server's administrator.`;
  }
}
