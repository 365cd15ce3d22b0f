// What the page says and asks beside the terminal: as whom to connect, for a password, how it ended.
import { element, make, onSubmit } from "./dom.js";
import type { Asked, Ended } from "./link.js";

/** What details of an end are called; others are not shown. */
const DETAILS: Record<string, string> = {
  server: "The server offers", client: "The edge offers", recorded: "Expected key", shown: "Key that was shown",
  said: "In detail",
};

export interface PanelListener {
  connect(user: string): void;
  logIn(answer: unknown): void;
}

export class Panel {
  private readonly panel = element("panel");
  private readonly title = element("panel-title");
  private readonly text = element("panel-text");
  private readonly hint = element("panel-hint");
  private readonly details = element("panel-details");
  private readonly anotherUser = element<HTMLAnchorElement>("another-user");
  private readonly connectForm = element<HTMLFormElement>("connect");
  private readonly user = element<HTMLInputElement>("user");
  private readonly connectButton = element<HTMLButtonElement>("connect-button");
  private readonly logInForm = element<HTMLFormElement>("log-in");
  private readonly password = element<HTMLInputElement>("password");
  private readonly key = element<HTMLTextAreaElement>("private-key");
  private readonly passphrase = element<HTMLInputElement>("passphrase");
  private readonly promptsForm = element<HTMLFormElement>("prompts");
  private readonly promptFields = element("prompt-fields");

  constructor(private readonly listener: PanelListener) {
    onSubmit(this.connectForm, () => this.listener.connect(this.user.value.trim()));
    onSubmit(this.logInForm, () => this.sendLogIn());
    onSubmit(this.promptsForm, () => this.sendAnswers());
  }

  hide(): void {
    this.forget();
    this.panel.hidden = true;
  }

  askUser(user: string): void {
    this.show("Connect", "", "", this.connectForm);
    this.user.value = user;
    this.connectButton.textContent = "Connect";
    this.user.focus();
  }

  ended(why: Ended, user: string): void {
    if (why.code === "signed_out") {
      this.show("Signed out", why.text, why.hint);
      const again = make("button", { type: "button", onclick: () => location.reload() }, "Sign in again");
      this.details.append(again);
      again.focus();
      return;
    }
    this.show(why.code === "exit" ? "Ended" : "Not connected", why.text, why.hint, this.connectForm);
    for (const [name, value] of Object.entries(why.details)) {
      const called = DETAILS[name];
      if (called && value) this.details.append(make("dt", {}, called), make("dd", {}, String(value)));
    }
    this.user.value = user;
    this.connectButton.textContent = why.code === "elsewhere" ? "Take it back" : "Reconnect";
    this.connectButton.focus();
    if (why.anotherUser) this.offerAnotherUser(why.anotherUser);
  }

  offerAnotherUser(path: string): void {
    this.anotherUser.href = path;
    this.anotherUser.hidden = false;
  }

  ask(question: Asked, user: string): void {
    if (question.kind === "prompts") return this.askPrompts(question);
    this.show(`Log in as ${user}`, question.error ?? "", "", this.logInForm);
    const methods = question.methods ?? [];
    element("with-password").hidden = !methods.includes("password");
    element("with-key").hidden = !methods.includes("publickey");
    (methods.includes("password") ? this.password : this.key).focus();
  }

  private askPrompts(question: Asked): void {
    this.show(question.name || "Log in", question.instruction ?? "", "", this.promptsForm);
    (question.prompts ?? []).forEach((prompt, index) => {
      const id = `prompt-${index}`;
      const field = make("input", { id, type: prompt.echo ? "text" : "password", autocomplete: "one-time-code" });
      this.promptFields.append(make("label", { htmlFor: id }, prompt.text), field);
    });
    this.promptFields.querySelector("input")?.focus();
  }

  private sendLogIn(): void {
    const password = this.password.value;
    const answer = this.key.value.trim()
      ? { private_key: `${this.key.value.trim()}\n`, passphrase: this.passphrase.value }
      : { password };
    this.forget();
    this.listener.logIn(answer);
  }

  private sendAnswers(): void {
    const answers = [...this.promptFields.querySelectorAll("input")].map((field) => field.value);
    this.forget();
    this.listener.logIn({ answers });
  }

  /** Nothing secret stays in the page. */
  private forget(): void {
    this.password.value = this.key.value = this.passphrase.value = "";
    this.promptFields.replaceChildren();
  }

  private show(title: string, text: string, hint: string, form?: HTMLFormElement): void {
    this.forget();
    this.title.textContent = title;
    this.text.textContent = text;
    this.hint.textContent = hint;
    this.details.replaceChildren();
    this.anotherUser.hidden = true;
    for (const one of [this.connectForm, this.logInForm, this.promptsForm]) one.hidden = one !== form;
    this.panel.hidden = false;
  }
}
