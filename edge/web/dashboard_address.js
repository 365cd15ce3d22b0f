// The part of the address behind the #: `#PAGE?NAME=VALUE&…`. A link to it shows the same page, search, order and part of a list.

/** The page's name, empty for the first page, and its values. */
export function parseAddress(hash) {
  const text = hash.replace(/^#/, "");
  const at = text.indexOf("?");
  return { page: at < 0 ? text : text.slice(0, at), values: new URLSearchParams(at < 0 ? "" : text.slice(at + 1)) };
}

/** The address with some values changed. An empty value is left out. */
export function changedAddress(hash, changes) {
  const { page, values } = parseAddress(hash);
  for (const [name, value] of Object.entries(changes)) {
    if (value === "" || value === undefined) values.delete(name);
    else values.set(name, value);
  }
  const query = values.toString();
  return `#${page}${query ? `?${query}` : ""}`;
}

export const addressValue = (name) => parseAddress(location.hash).values.get(name) ?? "";

/** Writes values into the address. `replace`: the Back button does not lead to what was there before. */
export function setAddress(changes, replace = false) {
  const hash = changedAddress(location.hash || `#${document.body.dataset.page}`, changes);
  if (hash === location.hash) return;
  if (replace) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
}

/** Calls it after each change of the address that the browser makes (Back, Forward, a link), until the signal. */
export function onAddress(signal, act) {
  addEventListener("hashchange", act, { signal });
}
