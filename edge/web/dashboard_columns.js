// Columns of lists (see dashboard_rows) for what the API's rows hold.
import { make } from "./dashboard_parts.js";

const TIME = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric",
  second: "numeric" });

export function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = count;
  for (; value >= 1024 && unit < units.length - 1; ++unit) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** `get`: the row's text; left out: what the row has by the name of the column's id. */
export function plain(id, name, get = (row) => row[id]) {
  return { id, name, value: get };
}

/** A time as this browser writes it; the API's own text is its title. */
export function time(id, name, missing = "") {
  const text = (row) => (row[id] ? TIME.format(new Date(row[id])) : missing);
  const cell = (row) => (row[id] ? make("time", { dateTime: row[id], title: row[id] }, text(row)) : missing);
  return { id, name, value: (row) => row[id], text, cell };
}

export function size(id, name) {
  return { id, name, value: (row) => row[id], text: (row) => bytes(row[id]) };
}
