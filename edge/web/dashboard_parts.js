// What the pages of the dashboard are made of. Text is only ever set as text.

const API = "/cdn-cgi/access/api/v1/";

/** An element with these properties, data-… and attributes; a string among the children is text. */
export function make(name, properties = {}, ...children) {
  const out = document.createElement(name);
  const { data, attributes, ...rest } = properties;
  Object.assign(out, rest);
  Object.assign(out.dataset, data ?? {});
  for (const [key, value] of Object.entries(attributes ?? {})) out.setAttribute(key, value);
  out.append(...children.filter((child) => child !== undefined && child !== null));
  return out;
}

export function say(text, bad = false) {
  const place = document.getElementById("said");
  place.textContent = text;
  place.classList.toggle("bad", bad);
}

/** What the API answers; throws the sentence by which it refuses, with its `status`. */
export async function ask(path, method = "GET", body = undefined) {
  const unsafe = method !== "GET";
  const answer = await fetch(API + path, {
    method,
    credentials: "same-origin",
    headers: unsafe ? { "Content-Type": "application/json", "Cfpipe-Request": "1" } : {},
    body: unsafe ? JSON.stringify(body ?? {}) : undefined,
  });
  if (answer.status === 401) {
    location.reload();
    throw new Error("Your sign-in has ended.");
  }
  const said = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(said.message), { status: answer.status });
  return said;
}

/** Runs it, and says what went wrong. */
export async function attempt(act) {
  try {
    say("");
    return await act();
  } catch (error) {
    say(error.message, true);
    return undefined;
  }
}

/** Asks before something that cannot be taken back. */
export function sure(text, yes) {
  const dialog = document.getElementById("sure");
  document.getElementById("sure-text").textContent = text;
  document.getElementById("sure-yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

export function button(text, act, kind = "") {
  return make("button", { type: "button", className: kind, onclick: () => attempt(act) }, text);
}

export function copyButton(text, what) {
  const out = button("Copy", async () => {
    await navigator.clipboard.writeText(text);
    say(`Copied: ${what}`);
  });
  out.setAttribute("aria-label", `Copy ${what}`);
  return out;
}

/** Text to be taken elsewhere, with a button that copies it. */
export function copyable(text, what) {
  return make("div", {}, make("pre", {}, text), copyButton(text, what));
}

/** A file of this page's own, which the browser keeps. */
export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url));
}

export function field(label, input) {
  return make("div", {}, make("label", { htmlFor: input.id }, label), input);
}

/** A form of one row. `act` runs when it is sent. */
export function form(act, ...fields) {
  return make("form", {
    className: "row",
    onsubmit: (event) => {
      event.preventDefault();
      void attempt(act);
    },
  }, ...fields);
}
