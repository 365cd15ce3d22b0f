// The dashboard of an administrator, and that of another user.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

const PAGES = ["applications", "policy-test", "service-auth", "service-tokens", "connectors", "live", "people", "host-keys", "audit",
  "my-applications", "my-sessions"];

async function open(page, name) {
  await page.evaluate((hash) => (location.hash = hash), `#${name}`);
  await page.waitForSelector(`body[data-page="${name}"]`);
}

async function copied(page, scope) {
  await page.click(`${scope} >> button:has-text("Copy") >> nth=0`);
  return page.evaluate(() => navigator.clipboard.readText());
}

/** The applications, for an administrator who has signed in at the provider. */
async function begin({ settings, newPage, signInAtProvider }) {
  const page = await newPage({ permissions: ["clipboard-read", "clipboard-write"] });
  await signInAtProvider(page, settings.auth, settings.administrator, settings.password);
  await page.waitForSelector('body[data-page="applications"]');
  assert.match(await page.textContent("main"), /vm\.localhost.*all \(allow\): includes email_domain example\.com/s);
  return page;
}

/** What the policies say of someone is a link that says it again, and one step for the Back button. */
async function testsPolicies({ settings, page }) {
  await page.click('a:has-text("Test policies")');
  await page.waitForSelector('body[data-page="policy-test"]');
  assert.equal(await page.inputValue("#application"), "vm.localhost");
  const says = (text) => page.waitForSelector(`#verdict:has-text(${JSON.stringify(text)})`);
  const test = async (fields, text) => {
    for (const [name, value] of Object.entries(fields)) await page.fill(`#${name}`, value);
    await page.click('button:has-text("Test")');
    await says(text);
  };
  await test({ email: settings.email, login_method: "oidc" }, "Allowed at vm.localhost: policy 'all' lets in email_domain example.com");
  await test({ email: "eve@example.org", login_method: "oidc", groups: "sre\nops, all" }, "Not allowed at vm.localhost: no policy");
  await page.reload();
  await says("Not allowed at vm.localhost");
  assert.equal(await page.inputValue("#groups"), "sre\nops, all");
  await page.goBack();
  await says("Allowed at vm.localhost");
  assert.equal(await page.inputValue("#email"), settings.email);
}

/** The public key of an application, for a server's sshd, at once; and the line that sets a server up, which does. */
async function showsKeysForServers({ ask, screenshot, page }) {
  await open(page, "service-auth");
  await page.selectOption("#application", "vm.localhost");
  await page.waitForSelector('.card h3:has-text("vm.localhost")');
  const key = await copied(page, ".card");
  const [, setup, config] = await page.locator(".card pre").allTextContents();
  assert.equal(config, "TrustedUserCAKeys /etc/ssh/cfpipe_user_ca_keys");
  await ask("trust", await ask("set_up", setup));
  await ask("connect");
  await ask("trust", key);
  await ask("connect");

  await screenshot(page, "dashboard-service-auth");
}

/** A rotation that is cancelled leaves the key that was there. */
async function cancelsARotation({ page }) {
  const before = await page.textContent(".card pre");
  await page.click('button:has-text("Rotate")');
  await page.click("#sure-yes");
  await page.click('button:has-text("Cancel the rotation")');
  await page.click('#sure button[value="no"]');
  await page.click('button:has-text("Cancel the rotation")');
  await page.click("#sure-yes");
  await page.waitForSelector('button:has-text("Rotate")');
  assert.equal(await page.locator(".card pre").count(), 3);
  assert.equal(await page.textContent(".card pre"), before);
}

/** Rotation: both keys, then the next alone. */
async function rotatesWithOverlap({ ask, page }) {
  await page.click('button:has-text("Rotate")');
  await page.click("#sure-yes");
  await page.waitForSelector('button:has-text("Let the next key sign")');
  assert.equal(await page.locator(".card pre").count(), 4);
  const [, next] = await page.locator(".card pre").allTextContents();
  await ask("trust", next);
  await page.click('button:has-text("Let the next key sign")');
  await page.click("#sure-yes");
  await page.waitForSelector('button:has-text("Rotate")');
  await ask("connect");
}

/** A service token is shown once. */
async function showsServiceTokensOnce({ ask, page }) {
  await open(page, "service-tokens");
  await page.fill("#name", "deploy");
  await page.click('form button:has-text("Create")');
  await page.waitForSelector("#new-token");
  await ask("use_token", await copied(page, "#new-token"));
  await page.reload();
  await page.waitForSelector('td:has-text("deploy")');
  assert.equal(await page.locator("#new-token").count(), 0);
  await page.click('button:has-text("Revoke")');
  await page.click('#sure button[value="no"]');
  await page.click('button:has-text("Revoke")');
  await page.click("#sure-yes");
  await page.waitForSelector("text=There are none yet.");
}

/** The secret goes with its token, and when it is told to. */
async function forgetsTheSecretOfARevokedToken({ page }) {
  await page.fill("#name", "short");
  await page.click('form button:has-text("Create")');
  const [, secret] = /SECRET=(\S+)/.exec(await page.textContent("#new-token pre"));
  await page.click('td button:has-text("Revoke")');
  await page.click("#sure-yes");
  await page.waitForSelector("text=There are none yet.");
  assert.equal(await page.locator("#new-token").count(), 0);
  assert.ok(!(await page.content()).includes(secret));
  assert.equal(await page.textContent("#said"), "Revoked: short");

  await page.fill("#name", "short");
  await page.click('form button:has-text("Create")');
  await page.click('#new-token button:has-text("Hide the secret")');
  assert.equal(await page.locator("#new-token").count(), 0);
  await page.click('td button:has-text("Revoke")');
  await page.click("#sure-yes");
  await page.waitForSelector("text=There are none yet.");
}

/** A browser may keep a page that is left for its Back button, with all that it shows: the secret is gone by then. */
async function forgetsTheSecretWhenThePageIsLeft({ settings, page }) {
  await page.fill("#name", "left");
  await page.click('form button:has-text("Create")');
  const [, secret] = /SECRET=(\S+)/.exec(await page.textContent("#new-token pre"));
  // Behind the page's own listeners: what they leave is what would be kept.
  await page.evaluate(() => addEventListener("pagehide", () => sessionStorage.setItem("left", document.documentElement.outerHTML)));
  await page.goto(`${settings.auth}cdn-cgi/access/signed-out`);
  const left = await page.evaluate(() => sessionStorage.getItem("left"));
  assert.ok(left.includes('id="name"') && !left.includes(secret));
  await page.goBack();
  await page.waitForSelector('td:has-text("left")');
  assert.ok(!(await page.content()).includes(secret));
  await page.click('td button:has-text("Revoke")');
  await page.click("#sure-yes");
  await page.waitForSelector("text=There are none yet.");
}

/** A connector's token is shown once; the connector shows up by itself once it has enrolled, and is revoked. */
async function enrolsConnectors({ settings, ask, page }) {
  await open(page, "connectors");
  await page.waitForSelector("text=None is enrolled yet.");
  await page.fill("#name", "office");
  await page.click('form button:has-text("Create")');
  await page.waitForSelector("#new-token pre >> nth=1");
  const [command, token] = await page.locator("#new-token pre").allTextContents();
  assert.equal(command, "sudo cfpipe-connector enroll");
  assert.ok(token.startsWith(`${new URL(settings.auth).host}/`));
  await page.click('#new-token button[aria-label="Copy the token of office"]');
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), token);
  await ask("enrol", token);
  await page.waitForSelector('td:has-text("a-server")');
  assert.match(await page.textContent("tbody"), /office.*not attached.*never/s);
  await page.click('#new-token button:has-text("Hide the token")');
  assert.ok(!(await page.content()).includes(token));
  await page.click('td button:has-text("Revoke")');
  await page.click('#sure button[value="no"]');
  await page.click('td button:has-text("Revoke")');
  await page.click("#sure-yes");
  await page.waitForSelector("text=None is enrolled yet.");
  assert.equal(await page.textContent("#said"), "Revoked: connector office on a-server");
}

/** A live tunnel shows up by itself, and is ended. */
async function endsTunnels({ settings, ask, screenshot, page }) {
  await open(page, "live");
  await page.waitForSelector("text=Nothing is open.");
  await ask("hold_open");
  await page.waitForSelector(`td:has-text("${settings.email}")`);
  await screenshot(page, "dashboard-live");
  await page.click('button:has-text("End")');
  await page.waitForSelector("text=Nothing is open.");
  await ask("was_ended");
}

/** A terminal, if there can be one; and both ends are in the audit. */
async function endsTerminals({ settings, newPage, signInAtProvider, state, page }) {
  let ended = 1;
  if (settings.terminals) {
    const person = await newPage();
    await signInAtProvider(person, settings.url, settings.login, settings.password);
    await state(person, "open");
    await page.waitForSelector('td:has-text("vm.localhost (terminal)")');
    await page.click('button:has-text("End")');
    await person.waitForSelector("text=This session was ended: an administrator has ended it.");
    ++ended;
  }

  await open(page, "audit");
  await page.fill("#kind", "tunnel_end");
  await page.click('button:has-text("Search")');
  await page.waitForFunction((rows) => document.querySelectorAll("tbody tr").length === rows, ended);
  assert.match(await page.textContent("tbody"), new RegExp(`by ${settings.administratorEmail}`));
}

/** A column without any entry takes no room from those that have some. */
async function leavesEmptyColumnsOut({ page }) {
  await open(page, "live");
  await open(page, "audit");
  await page.waitForSelector("tbody tr");
  const empty = await page.evaluate(() => [...document.querySelectorAll("thead th")].filter((head, at) => !head.hidden
    && [...document.querySelectorAll(`tbody td:nth-child(${at + 1})`)].every((cell) => !cell.textContent)).length);
  assert.equal(empty, 0);
}

const REVOKED = 60;

/** Rows for the audit: as many people are revoked, whom there are not. */
async function revokesMany({ page }) {
  await page.evaluate(async (count) => {
    for (let at = 0; at < count; ++at) {
      const answer = await fetch("/cdn-cgi/access/api/v1/revocations", {
        method: "POST", headers: { "Content-Type": "application/json", "Cfpipe-Request": "1" },
        body: JSON.stringify({ email: `person${at}@example.net` }),
      });
      if (!answer.ok) throw new Error(`revocation ${at}: ${answer.status}`);
    }
  }, REVOKED);
}

const rows = (page, count) => page.waitForFunction((wanted) => document.querySelectorAll("tbody tr").length === wanted, count);
const whoIsFirst = (page, who) => page.waitForSelector(`tbody tr:first-child td[data-name="Who"]:text-is("${who}")`);

/** Search, filter, order and part of a list are in the address: a reload shows the same, and Back what was before. */
async function keepsListsInTheAddress({ page }) {
  await revokesMany({ page });
  await open(page, "audit");
  await page.fill("#kind", "revoke");
  await page.click('button:has-text("Search")');
  await rows(page, 50);
  await page.click('button:has-text("Next")');
  await rows(page, REVOKED - 50);
  await page.reload();
  await rows(page, REVOKED - 50);
  assert.equal(await page.textContent(".parts span"), "2 of 2");
  assert.equal(await page.inputValue("#kind"), "revoke");
  await page.goBack();
  await rows(page, 50);

  const who = page.locator('thead th:has-text("Who")');
  await who.locator("button").click();
  await whoIsFirst(page, "person0@example.net");
  assert.equal(await who.getAttribute("aria-sort"), "ascending");
  await who.locator("button").click();
  await whoIsFirst(page, `person${REVOKED - 1}@example.net`);
  assert.equal(await who.getAttribute("aria-sort"), "descending");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Who ▼");

  await page.locator("#filter").pressSequentially("BOSS person1");
  await rows(page, 11);
  await whoIsFirst(page, "person19@example.net");
  assert.equal(await page.textContent(".count"), `11 of ${REVOKED}`);
  await page.reload();
  await rows(page, 11);
  await whoIsFirst(page, "person19@example.net");
  await page.goBack();
  await rows(page, 50);
  assert.equal(await page.inputValue("#filter"), "");
  await page.goForward();
  await rows(page, 11);
}

async function exported(page, name) {
  const [file] = await Promise.all([page.waitForEvent("download"), page.click(`button:has-text("${name}")`)]);
  return { name: file.suggestedFilename(), text: await readFile(await file.path(), "utf8") };
}

/** What the search and the filter show goes into a file, all parts of it. */
async function exportsTheAudit({ settings, page }) {
  const csv = await exported(page, "Export as CSV");
  assert.match(csv.name, /^cfpipe-audit-[-\dT]+\.csv$/);
  const lines = csv.text.split("\r\n").slice(0, -1);
  assert.equal(lines.length, 12);
  assert.match(lines[1], new RegExp(`,revoke,person\\d+@example\\.net,.*,by ${settings.administratorEmail}$`));
  await page.waitForSelector("text=Exported: 11 entries");
  await page.fill("#filter", "");
  await rows(page, 50);
  const { text } = await exported(page, "Export as JSON lines");
  const all = text.trimEnd().split("\n").map(JSON.parse);
  assert.deepEqual(new Set(all.map((row) => row.kind)), new Set(["revoke"]));
  assert.equal(all.length, REVOKED);
}

/** Every page, small and large, light and dark. */
async function fitsEveryScreen({ fits, page }) {
  for (const name of PAGES) {
    await open(page, name);
    await fits(page, `dashboard-${name}`);
  }
}

const FOLLOWED_MS = 2000;

/** Lists that follow ask nothing while the page is hidden, or paused. The page's clock is the test's. */
async function followsWhileItIsSeen({ settings, newPage, signInAtProvider }) {
  const page = await newPage();
  await signInAtProvider(page, settings.auth, settings.other, settings.password);
  await page.waitForSelector('body[data-page="my-applications"]');
  await page.clock.install();
  await open(page, "my-sessions");
  let asked = 0;
  page.on("request", (request) => (asked += request.url().endsWith("/me/tunnels")));
  const asks = () => page.waitForResponse((answer) => answer.url().endsWith("/me/tunnels"));
  /** All that was asked meanwhile has been counted when the answer to a later question is there. */
  const passes = async (milliseconds) => {
    await page.clock.runFor(milliseconds);
    await page.evaluate(() => fetch("/cdn-cgi/access/api/v1/me"));
  };
  const becomes = (hidden) => page.evaluate((value) => {
    Object.defineProperty(document, "hidden", { value, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  await Promise.all([asks(), passes(FOLLOWED_MS)]);
  await becomes(true);
  const before = asked;
  await passes(10 * FOLLOWED_MS);
  assert.equal(asked, before);
  await becomes(false);
  await Promise.all([asks(), passes(FOLLOWED_MS)]);
  const [, tunnels] = await page.locator('button:has-text("Pause updates")').all();
  await tunnels.click();
  const paused = asked;
  await passes(10 * FOLLOWED_MS);
  assert.equal(asked, paused);
  await page.click('button:has-text("Resume updates")');
  await Promise.all([asks(), passes(FOLLOWED_MS)]);
  await page.context().close();
}

/** Another user sees what they may reach, and their own sessions, and can end those. */
async function leavesOthersTheirOwn({ settings, newPage, signInAtProvider }) {
  const other = await newPage({ permissions: ["clipboard-read", "clipboard-write"] });
  other.expected = /401/;
  await signInAtProvider(other, settings.auth, settings.other, settings.password);
  await other.waitForSelector('body[data-page="my-applications"]');
  assert.deepEqual(await other.locator("nav#pages a").allTextContents(), ["My applications", "My sessions"]);
  assert.equal(await copied(other, "tbody"), "ssh vm.localhost");
  assert.equal(await other.locator('a:has-text("Open terminal")').getAttribute("href"), settings.url);

  await open(other, "my-sessions");
  await other.waitForSelector('td:has-text("(this one)")');
  await other.click('tr:has-text("(this one)") button:has-text("End")');
  const refused = other.waitForResponse((answer) => answer.status() === 401);
  await other.click("#sure-yes");
  await refused;
}

const STEPS = [testsPolicies, showsKeysForServers, cancelsARotation, rotatesWithOverlap, showsServiceTokensOnce, forgetsTheSecretOfARevokedToken,
  forgetsTheSecretWhenThePageIsLeft, enrolsConnectors, endsTunnels, endsTerminals, leavesEmptyColumnsOut, keepsListsInTheAddress, exportsTheAudit,
  fitsEveryScreen, followsWhileItIsSeen, leavesOthersTheirOwn];

export default async (world) => {
  const page = await begin(world);
  for (const step of STEPS) await step({ ...world, page });
};
