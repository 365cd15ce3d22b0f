// The audit: searched by the edge, then in the browser; and exported.
import { addressValue, onAddress, setAddress } from "./dashboard_address.js";
import { bytes, plain, time } from "./dashboard_columns.js";
import { allRows, MAX_EXPORT_ROWS, toCsv, toJsonLines } from "./dashboard_export.js";
import { list } from "./dashboard_list.js";
import { ask, attempt, button, download, field, form, make, say } from "./dashboard_parts.js";
import { matching } from "./dashboard_rows.js";

/** Rows that one request asks for: the most that the API gives. */
const REQUEST_ROWS = 1000;
const FIELDS = { since: "Since", identity: "Who", application: "Application", kind: "What" };

const COLUMNS = [
  time("time", "When"), plain("kind", "What"), plain("identity", "Who"), plain("application", "Application"), plain("peer", "From"),
  plain("reason", "Why", (row) => (row.kind === "tunnel_close" || row.kind === "files"
    ? `${row.reason} (${bytes(row.up_bytes)} up, ${bytes(row.down_bytes)} down)` : row.reason)),
];

/** The rows of the search in the address that are older than that one; 0: from the newest on. */
function page(before) {
  const query = new URLSearchParams(Object.keys(FIELDS).map((name) => [name, addressValue(name)]).filter(([, value]) => value));
  query.set("limit", REQUEST_ROWS);
  if (Number(before)) query.set("before", before);
  return ask(`audit?${query}`);
}

/** All that the search finds, as a file. */
async function save(ending, type, write, signal) {
  const words = addressValue("filter");
  const { rows, complete } = await allRows(page, (count) => {
    if (!signal.aborted) say(`Exporting: ${count} entries so far. Another page stops it.`);
    return !signal.aborted;
  });
  if (signal.aborted) return;
  const found = matching(rows, COLUMNS, words);
  download(`cfpipe-audit-${new Date().toISOString().replaceAll(":", "-").slice(0, 19)}.${ending}`, type, write(found));
  say(complete ? `Exported: ${found.length} entries`
    : `Exported: the newest ${found.length} entries. An export reads ${MAX_EXPORT_ROWS} at most: use 'cfpipe-edge audit' for more.`);
}

function exportButtons(signal) {
  return [button("Export as CSV", () => save("csv", "text/csv", toCsv, signal)),
    button("Export as JSON lines", () => save("jsonl", "application/jsonl", toJsonLines, signal))];
}

export async function audit(main, signal) {
  const inputs = Object.entries(FIELDS).map(([id]) => make("input", { id, autocomplete: "off", spellcheck: false,
    placeholder: id === "since" ? "24h" : "" }));
  const found = list({ caption: "Audit entries", columns: COLUMNS, key: (row) => row.id, empty: "No matching entries.", signal });
  const inAddress = () => [...Object.keys(FIELDS), "before"].map(addressValue).join("\n");
  let shown = inAddress();
  const older = make("div", { className: "row" });
  const go = (before) => async () => {
    setAddress({ before, page: "" });
    shown = inAddress();
    await look();
  };
  const look = async () => {
    for (const input of inputs) input.value = addressValue(input.id);
    const { rows, next } = await page(addressValue("before"));
    found.show(rows);
    older.replaceChildren(...(addressValue("before") ? [button("Newest entries", go(""))] : []),
      ...(next ? [button("Older entries", go(String(next)))] : []));
  };
  onAddress(signal, () => {
    if (shown === inAddress()) return;  // the list looks after its own values
    shown = inAddress();
    void attempt(look);
  });
  const search = form(async () => {
    setAddress({ ...Object.fromEntries(inputs.map((input) => [input.id, input.value.trim()])), before: "", page: "" });
    shown = inAddress();
    await look();
  }, ...inputs.map((input) => field(FIELDS[input.id], input)), make("button", { className: "main" }, "Search"));
  main.append(search, found.element, older, make("div", { className: "row" }, ...exportButtons(signal)));
  await look();
}
