// The dashboard: which page is shown, by the part of the address behind the #.
import { parseAddress } from "./dashboard_address.js";
import { applications, policyTest, serviceAuth } from "./dashboard_applications.js";
import { audit } from "./dashboard_audit.js";
import { connectors } from "./dashboard_connectors.js";
import { myApplications, mySessions } from "./dashboard_own.js";
import { attempt, make, say } from "./dashboard_parts.js";
import * as views from "./dashboard_views.js";

const PAGES = [
  ["applications", "Applications", applications, true],
  ["policy-test", "Policy test", policyTest, true],
  ["service-auth", "Service Auth", serviceAuth, true],
  ["service-tokens", "Service tokens", views.serviceTokens, true],
  ["connectors", "Connectors", connectors, true],
  ["live", "Live", views.live, true],
  ["people", "People", views.people, true],
  ["host-keys", "Host keys", views.hostKeys, true],
  ["audit", "Audit", audit, true],
  ["my-applications", "My applications", myApplications, false],
  ["my-sessions", "My sessions", mySessions, false],
];

const administrator = document.body.dataset.administrator === "yes";
const pages = PAGES.filter(([, , , administrators]) => administrator || !administrators);
const main = document.getElementById("main");
let shown = { name: "", life: new AbortController() };

const pageOfAddress = () => pages.find(([name]) => name === parseAddress(location.hash).page) ?? pages[0];

async function show() {
  const [name, title, fill] = pageOfAddress();
  document.title = `${title} – cfpipe`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  say("");
  shown.life.abort();
  const { life } = shown = { name, life: new AbortController() };
  const place = make("div", {}, make("h2", {}, title));
  document.body.dataset.page = "";
  await attempt(() => fill(place, life.signal));
  if (life.signal.aborted) return;  // another page has been asked for meanwhile
  main.replaceChildren(place);
  document.body.dataset.page = name;
}

document.getElementById("pages").append(...pages.map(([name, title]) => make("a", { href: `#${name}` }, title)));
addEventListener("hashchange", () => {
  if (pageOfAddress()[0] === shown.name) return;  // the page looks after its own values
  void show();
  main.focus();
});
void show();
