// Rows of the audit as files. Needs no browser.

/** Rows in one file, and requests for them, at most. */
export const MAX_EXPORT_ROWS = 50_000;
export const MAX_EXPORT_REQUESTS = 200;

const FIELDS = ["id", "time", "kind", "identity", "application", "peer", "ray", "login_method", "serial", "key_id", "tunnel", "up_bytes",
  "down_bytes", "reason"];

/** A field as RFC 4180 has it. What a spreadsheet would take for a formula begins with an apostrophe. */
export function csvField(value) {
  let text = String(value ?? "");
  if (/^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function toCsv(rows) {
  return [FIELDS, ...rows.map((row) => FIELDS.map((name) => row[name]))]
    .map((fields) => `${fields.map(csvField).join(",")}\r\n`).join("");
}

export function toJsonLines(rows) {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
}

/** All rows of a search, newest first, from `page(before)`, which returns a page of `rows` and the next `before`. `complete` is
 *  false where a bound was reached. `progress(count)` is told of each page; it returns false to stop. */
export async function allRows(page, progress = () => true) {
  const rows = [];
  let before = 0;
  for (let request = 0; request < MAX_EXPORT_REQUESTS; ++request) {
    const { rows: more, next } = await page(before);
    rows.push(...more);
    if (rows.length > MAX_EXPORT_ROWS) return { rows: rows.slice(0, MAX_EXPORT_ROWS), complete: false };
    if (!next) return { rows, complete: true };
    if (!progress(rows.length)) break;
    before = next;
  }
  return { rows, complete: false };
}
