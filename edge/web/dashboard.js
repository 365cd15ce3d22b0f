// The dashboard: which page is shown, by the part of the address behind the #.
import { attempt, make, say } from "./dashboard_parts.js";
import * as views from "./dashboard_views.js";

const PAGES = [
  ["applications", "Applications", views.applications, true],
  ["service-auth", "Service Auth", views.serviceAuth, true],
  ["service-tokens", "Service tokens", views.serviceTokens, true],
  ["live", "Live", views.live, true],
  ["people", "People", views.people, true],
  ["host-keys", "Host keys", views.hostKeys, true],
  ["audit", "Audit", views.audit, true],
  ["my-sessions", "My sessions", views.mySessions, false],
];

const administrator = document.body.dataset.administrator === "yes";
const pages = PAGES.filter(([, , , administrators]) => administrator || !administrators);
const main = document.getElementById("main");
let shown = 0;

async function show() {
  const [name, title, fill] = pages.find(([one]) => `#${one}` === location.hash) ?? pages[0];
  document.title = `${title} – cfpipe`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  say("");
  const turn = ++shown;
  const place = make("div", {}, make("h2", {}, title));
  document.body.dataset.page = "";
  await attempt(() => fill(place));
  if (turn !== shown) return;  // another page has been asked for meanwhile
  main.replaceChildren(place);
  document.body.dataset.page = name;
}

document.getElementById("pages").append(...pages.map(([name, title]) => make("a", { href: `#${name}` }, title)));
addEventListener("hashchange", () => {
  void show();
  main.focus();
});
void show();
