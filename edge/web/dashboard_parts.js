// What the pages of the dashboard are made of. Text is only ever set as text.

const API = "/cdn-cgi/access/api/v1/";

/** An element; a string among the children is text. */
export function make(name, properties = {}, ...children) {
  const out = document.createElement(name);
  const { data, ...rest } = properties;
  Object.assign(out, rest);
  Object.assign(out.dataset, data ?? {});
  out.append(...children.filter((child) => child !== undefined && child !== null));
  return out;
}

export function say(text, bad = false) {
  const place = document.getElementById("said");
  place.textContent = text;
  place.classList.toggle("bad", bad);
}

/** What the API answers; throws the sentence by which it refuses. */
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
  if (!answer.ok) throw new Error(said.message);
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

/** A word of more characters may be broken where there is little room. */
const LONG_WORD = /\S{41,}/;

function cellClass(name, cell) {
  if (!name) return "act";
  return typeof cell === "string" && LONG_WORD.test(cell) ? "long" : "";
}

/** A table that becomes a list of cards where there is no room. A cell is text, an element, or nothing; a column without any has
 *  no place. */
export function table(caption, names, rows, empty) {
  if (rows.length === 0) return make("p", { className: "soft" }, empty);
  const shown = names.map((_, at) => at).filter((at) => rows.some((cells) => cells[at]));
  const head = make("tr", {}, ...shown.map((at) => make("th", { scope: "col", className: cellClass(names[at]) },
    names[at] || "Actions")));
  const body = rows.map((cells) => make("tr", {}, ...shown.map((at) => make("td", {
    data: { name: names[at] }, className: cellClass(names[at], cells[at]),
  }, cells[at] ?? ""))));
  const out = make("table", {}, make("thead", {}, head), make("tbody", {}, ...body));
  out.setAttribute("aria-label", caption);
  return make("div", { className: "wide" }, out);
}

export function when(time) {
  return time ? make("time", { dateTime: time, title: time }, new Date(time).toLocaleString()) : "never";
}

export function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = count;
  for (; value >= 1024 && unit < units.length - 1; ++unit) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

export function field(label, input) {
  return make("div", {}, make("label", { htmlFor: input.id }, label), input);
}
