// Rows of a list: which match a filter, in which order, and which part of them is shown. Needs no browser.
//
// A column is `{ id, name, value(row), text(row), cell(row) }`: `value` is what it is sorted by, `text` what is filtered and
// shown, `cell` the element to show in its place; without them it is the value.

export const PAGE_ROWS = 50;

const ORDER = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

export function textOf(column, row) {
  return String((column.text ?? column.value)(row) ?? "");
}

/** The rows in which each word of the filter occurs in some column, in any case. */
export function matching(rows, columns, filter) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return rows;
  return rows.filter((row) => {
    const text = columns.map((column) => textOf(column, row)).join("\n").toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

const isEmpty = (value) => value === undefined || value === null || value === "";

function compare(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return ORDER.compare(String(one), String(other));
}

/** `COLUMN`, or `-COLUMN` from the last to the first; undefined for anything else. */
export function parseSort(columns, text) {
  const descending = text.startsWith("-");
  const column = columns.find(({ id }) => id === text.slice(descending ? 1 : 0));
  return column && { column, descending };
}

/** The rows in that order; as they came where no column is named. Empty values come last in both directions. */
export function sorted(rows, columns, text) {
  const sort = parseSort(columns, text);
  if (!sort) return rows;
  const { column: { value }, descending } = sort;
  return [...rows].sort((a, b) => {
    const [one, other] = [value(a), value(b)];
    if (isEmpty(one) || isEmpty(other)) return Number(isEmpty(one)) - Number(isEmpty(other));
    return descending ? compare(other, one) : compare(one, other);
  });
}

/** The sort that a click on the column's head asks for: up, down, then as the rows came. */
export function nextSort(text, id) {
  if (text === id) return `-${id}`;
  return text === `-${id}` ? "" : id;
}

/** The part of that number, from 1. A number that does not exist is the nearest one that does. */
export function part(rows, number) {
  const parts = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
  const at = Math.min(Math.max(Math.trunc(Number(number)) || 1, 1), parts);
  return { number: at, parts, rows: rows.slice((at - 1) * PAGE_ROWS, at * PAGE_ROWS) };
}
