// A list that is searched, sorted by the heads of its columns and shown in parts. What it shows is in the address.
import { addressValue, onAddress, setAddress } from "./dashboard_address.js";
import { button, field, make } from "./dashboard_parts.js";
import { matching, nextSort, parseSort, part, sorted, textOf } from "./dashboard_rows.js";

/** A word of more characters may be broken where there is little room. */
const LONG_WORD = /\S{41,}/;

/** Makes `parent` hold exactly these children, in this order. Children that stay keep the focus. */
function arrange(parent, children) {
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
  });
}

/** The head of a column, which sorts by it. */
class Head {
  constructor(column, choose) {
    this.id = column.id;
    this.mark = make("span", { attributes: { "aria-hidden": "true" } });
    this.element = make("th", { scope: "col" },
      make("button", { type: "button", className: "sort", onclick: () => choose(column.id) }, column.name, this.mark));
  }

  show(sort, hidden) {
    const mine = sort?.column.id === this.id;
    const order = sort?.descending ? "descending" : "ascending";
    if (mine) this.element.setAttribute("aria-sort", order);
    else this.element.removeAttribute("aria-sort");
    this.mark.textContent = mine ? { ascending: " ▲", descending: " ▼" }[order] : "";
    this.element.hidden = hidden;
  }
}

/** One row. It is made once, and changes where the row's texts do. */
class Row {
  constructor(columns, row, actions) {
    this.columns = columns;
    this.texts = columns.map(() => undefined);
    this.cells = columns.map(({ name }) => make("td", { data: { name } }));
    const last = actions ? [make("td", { className: "act", data: { name: "" } }, ...actions(row))] : [];
    this.element = make("tr", {}, ...this.cells, ...last);
  }

  show(row, hidden) {
    this.columns.forEach((column, at) => {
      this.cells[at].hidden = hidden[at];
      const text = textOf(column, row);
      if (this.texts[at] === text) return;
      this.texts[at] = text;
      this.cells[at].className = !column.cell && LONG_WORD.test(text) ? "long" : "";
      this.cells[at].replaceChildren(column.cell && text ? column.cell(row) : text);
    });
  }
}

/** `{ element, tools, show(rows) }`; `tools` is the row above the list, to which buttons may be added.
 *  `id`: what its values in the address begin with, where a page has several lists.
 *  `columns`: see dashboard_rows. `key(row)`: tells rows apart. `actions(row)`: the buttons of a row.
 *  `empty`: the sentence where there are no rows. `signal`: ends it with its page. */
export function list({ id = "", caption, columns, key, actions, empty, signal }) {
  const named = (name) => (id ? `${id}-${name}` : name);
  const rows = new Map();
  let all = [];
  let typing = false;  // one entry in the history for all that is typed at a time

  const change = (changes, replace) => {
    setAddress(Object.fromEntries(Object.entries(changes).map(([name, value]) => [named(name), value])), replace);
    render();
  };
  const sortBy = (sort) => change({ sort, page: "" });
  const heads = columns.map((column) => new Head(column, (name) => sortBy(nextSort(addressValue(named("sort")), name))));
  const filter = make("input", {
    type: "search", id: named("filter"), autocomplete: "off", spellcheck: false,
    oninput: () => {
      change({ filter: filter.value, page: "" }, typing);
      typing = true;
    },
    onchange: () => (typing = false),
  });
  const order = make("select", { id: named("order"), onchange: () => sortBy(order.value) },
    make("option", { value: "" }, "As listed"),
    ...columns.flatMap((column) => [["", "ascending"], ["-", "descending"]].map(([sign, text]) =>
      make("option", { value: sign + column.id }, `${column.name}, ${text}`))));
  const orderField = field("Sort by", order);
  orderField.className = "narrow";
  const count = make("p", { className: "soft count", attributes: { role: "status" } });
  const filterField = field(`Filter ${caption.toLowerCase()}`, filter);
  const tools = make("div", { className: "row" }, filterField, orderField, count);

  const body = make("tbody");
  const table = make("table", { attributes: { "aria-label": caption } }, make("thead", {}, make("tr", {}, ...heads.map((head) => head.element),
    ...(actions ? [make("th", { scope: "col", className: "act" }, "Actions")] : []))), body);
  const wide = make("div", { className: "wide" }, table);
  const nothing = make("p", { className: "soft" });
  const place = make("span");
  const turn = (step) => change({ page: String(Number(place.dataset.at) + step) });
  const [back, on] = [button("Previous", () => turn(-1)), button("Next", () => turn(1))];
  const parts = make("nav", { className: "row parts", attributes: { "aria-label": `Parts of ${caption.toLowerCase()}` } }, back, place, on);

  function showRows(shown, found) {
    const hidden = columns.map((column) => !found.some((row) => textOf(column, row)));
    const sort = parseSort(columns, addressValue(named("sort")));
    heads.forEach((head, at) => head.show(sort, hidden[at]));
    const present = new Set(shown.map(key));
    for (const one of [...rows.keys()]) if (!present.has(one)) rows.delete(one);
    arrange(body, shown.map((row) => {
      if (!rows.has(key(row))) rows.set(key(row), new Row(columns, row, actions));
      const one = rows.get(key(row));
      one.show(row, hidden);
      return one.element;
    }));
  }

  function render() {
    const text = addressValue(named("filter"));
    if (filter.value !== text) filter.value = text;
    order.value = parseSort(columns, addressValue(named("sort"))) ? addressValue(named("sort")) : "";
    const found = sorted(matching(all, columns, text), columns, addressValue(named("sort")));
    const { number, parts: of, rows: shown } = part(found, addressValue(named("page")));
    showRows(shown, found);
    count.textContent = text ? `${found.length} of ${all.length}` : "";
    nothing.textContent = all.length ? "No entry matches the filter." : empty;
    nothing.hidden = found.length > 0;
    wide.hidden = found.length === 0;
    filterField.hidden = orderField.hidden = all.length === 0 && !text;
    parts.hidden = of === 1;
    place.textContent = `${number} of ${of}`;
    place.dataset.at = number;
    back.disabled = number === 1;
    on.disabled = number === of;
  }

  onAddress(signal, () => {
    typing = false;
    render();
  });
  return {
    element: make("div", { className: "list" }, tools, wide, nothing, parts),
    tools,
    show(now) {
      all = now;
      render();
    },
  };
}
