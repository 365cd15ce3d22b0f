// The parts of the dashboard that need no browser: `node --test`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

/** A module without imports of its own; the file's name does not say that it is one. */
async function part(name) {
  const source = readFileSync(new URL(`../../edge/web/${name}.js`, import.meta.url), "utf8");
  return import(`data:text/javascript,${encodeURIComponent(source)}`);
}

const { changedAddress, parseAddress } = await part("dashboard_address");
const { matching, nextSort, part: partOf, PAGE_ROWS, sorted } = await part("dashboard_rows");
const { allRows, csvField, MAX_EXPORT_REQUESTS, MAX_EXPORT_ROWS, toCsv, toJsonLines } = await part("dashboard_export");

const COLUMNS = [
  { id: "who", name: "Who", value: (row) => row.who },
  { id: "bytes", name: "Bytes", value: (row) => row.bytes, text: (row) => `${row.bytes} B` },
];
const ROWS = [{ who: "Ann", bytes: 900 }, { who: "bob", bytes: 1000 }, { who: "", bytes: 5 }, { who: "ann2", bytes: 70 }, { who: "ann10", bytes: 7 }];
const who = (rows) => rows.map((row) => row.who);

test("a filter's words may be in different columns and in any case", () => {
  assert.deepEqual(who(matching(ROWS, COLUMNS, "ANN b")), ["Ann", "ann2", "ann10"]);
  assert.deepEqual(who(matching(ROWS, COLUMNS, " ann  900 ")), ["Ann"]);
  assert.deepEqual(matching(ROWS, COLUMNS, "absent"), []);
  assert.equal(matching(ROWS, COLUMNS, "  "), ROWS);
});

test("a filter does not match across two columns", () => {
  assert.deepEqual(matching([{ who: "ann", bytes: 1 }], COLUMNS, "ann1"), []);
});

test("numbers are sorted as numbers, names without case, empty values last", () => {
  assert.deepEqual(sorted(ROWS, COLUMNS, "bytes").map((row) => row.bytes), [5, 7, 70, 900, 1000]);
  assert.deepEqual(sorted(ROWS, COLUMNS, "-bytes").map((row) => row.bytes), [1000, 900, 70, 7, 5]);
  assert.deepEqual(who(sorted(ROWS, COLUMNS, "who")), ["Ann", "ann2", "ann10", "bob", ""]);
  assert.deepEqual(who(sorted(ROWS, COLUMNS, "-who")), ["bob", "ann10", "ann2", "Ann", ""]);
});

test("an order that names no column leaves rows as they came", () => {
  for (const text of ["", "-", "nothing", "--who"]) assert.equal(sorted(ROWS, COLUMNS, text), ROWS);
});

test("the head of a column sorts up, down and not at all", () => {
  assert.equal(nextSort("", "who"), "who");
  assert.equal(nextSort("who", "who"), "-who");
  assert.equal(nextSort("-who", "who"), "");
  assert.equal(nextSort("-bytes", "who"), "who");
});

test("a part that does not exist is the nearest that does", () => {
  const rows = Array.from({ length: 2 * PAGE_ROWS + 1 }, (_, at) => at);
  assert.deepEqual(partOf(rows, "2").rows, rows.slice(PAGE_ROWS, 2 * PAGE_ROWS));
  assert.deepEqual(partOf(rows, "3"), { number: 3, parts: 3, rows: [2 * PAGE_ROWS] });
  for (const [asked, given] of [["", 1], ["0", 1], ["-7", 1], ["x", 1], ["99", 3], ["1e9", 3]]) assert.equal(partOf(rows, asked).number, given, asked);
  assert.deepEqual(partOf([], "4"), { number: 1, parts: 1, rows: [] });
});

test("values of the address are changed one by one and any text comes back", () => {
  const text = "a&b=c #?%é+ \"";
  const hash = changedAddress("#audit?kind=login&page=3", { filter: text, page: "", kind: "denial" });
  const { page, values } = parseAddress(hash);
  assert.equal(page, "audit");
  assert.deepEqual([...values], [["kind", "denial"], ["filter", text]]);
  assert.equal(changedAddress(hash, { filter: "", kind: "" }), "#audit");
  assert.deepEqual([parseAddress("").page, parseAddress("#live").page, parseAddress("#live?").page], ["", "live", "live"]);
});

test("CSV is quoted as RFC 4180 says", () => {
  assert.equal(csvField('a "b", c'), '"a ""b"", c"');
  assert.equal(csvField("two\r\nlines"), '"two\r\nlines"');
  assert.equal(csvField("plain text; 'quoted'"), "plain text; 'quoted'");
  assert.equal(csvField(undefined), "");
  assert.equal(csvField(0), "0");
});

test("a cell is no formula to a spreadsheet", () => {
  for (const text of ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"]) assert.equal(csvField(text), `'${text}`);
  assert.equal(csvField('=HYPERLINK("https://x.example","a")'), '"\'=HYPERLINK(""https://x.example"",""a"")"');
  assert.equal(csvField("a=b"), "a=b");
});

test("a file has a line for each row, and CSV one for the names", () => {
  const rows = [{ id: 2, time: "2026-01-31T12:00:00Z", kind: "denial", identity: "=eve@example.com", reason: "a, b" }, { id: 1, kind: "login" }];
  const [names, first, second, end] = toCsv(rows).split("\r\n");
  assert.match(names, /^id,time,kind,identity,application,.*,reason$/);
  assert.match(first, /^2,2026-01-31T12:00:00Z,denial,'=eve@example\.com,,.*,"a, b"$/);
  assert.equal(second.split(",").length, names.split(",").length);
  assert.equal(end, "");
  assert.deepEqual(toJsonLines(rows).split("\n").slice(0, -1).map(JSON.parse), rows);
});

/** A search of `count` rows, `step` a page; `asked` holds each `before`. */
function search(count, step) {
  const asked = [];
  const page = async (before) => {
    asked.push(before);
    const from = before === 0 ? count : before - 1;
    const rows = Array.from({ length: Math.min(step, from) }, (_, at) => ({ id: from - at }));
    return { rows, next: from > step ? from - step + 1 : 0 };
  };
  return { page, asked };
}

test("an export goes on to the last page", async () => {
  const { page, asked } = search(2500, 1000);
  const { rows, complete } = await allRows(page);
  assert.deepEqual(rows.map((row) => row.id), Array.from({ length: 2500 }, (_, at) => 2500 - at));
  assert.equal(complete, true);
  assert.equal(asked.length, 3);
});

test("an export has a bound of rows and of requests, and says that it was reached", async () => {
  const many = await allRows(search(MAX_EXPORT_ROWS + 1, 1000).page);
  assert.deepEqual([many.rows.length, many.complete, many.rows[0].id], [MAX_EXPORT_ROWS, false, MAX_EXPORT_ROWS + 1]);
  assert.equal((await allRows(search(MAX_EXPORT_ROWS, 1000).page)).complete, true);
  let requests = 0;
  const sparse = await allRows(async () => ({ rows: [], next: ++requests }));
  assert.deepEqual([requests, sparse.complete], [MAX_EXPORT_REQUESTS, false]);
});

test("an export stops when it is told to", async () => {
  const { page, asked } = search(9000, 1000);
  const { complete } = await allRows(page, (count) => count < 3000);
  assert.deepEqual([asked.length, complete], [3, false]);
});
