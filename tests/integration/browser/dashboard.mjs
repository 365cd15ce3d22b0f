// The dashboard of an administrator, and that of another user.
import assert from "node:assert/strict";

const PAGES = ["applications", "service-auth", "service-tokens", "live", "people", "host-keys", "audit", "my-sessions"];

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

/** The public key of an application, for a server's sshd. */
async function showsKeysForServers({ ask, screenshot, page }) {
  await open(page, "service-auth");
  await page.selectOption("#application", "vm.localhost");
  await page.click('button:has-text("Generate certificate")');
  await page.waitForSelector(".card pre");
  await ask("trust", await copied(page, ".card"));
  assert.equal(await page.locator(".card pre").nth(1).textContent(), "TrustedUserCAKeys /etc/ssh/cfpipe_user_ca_keys");
  await ask("connect");

  await screenshot(page, "dashboard-service-auth");
}

/** Rotation: both keys, then the next alone. */
async function rotatesWithOverlap({ ask, page }) {
  await page.click('button:has-text("Rotate")');
  await page.waitForSelector('button:has-text("Let the next key sign")');
  assert.equal(await page.locator(".card pre").count(), 3);
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
  await page.click('button:has-text("Create")');
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
  await page.click('button:has-text("Create")');
  const [, secret] = /SECRET=(\S+)/.exec(await page.textContent("#new-token pre"));
  await page.click('td button:has-text("Revoke")');
  await page.click("#sure-yes");
  await page.waitForSelector("text=There are none yet.");
  assert.equal(await page.locator("#new-token").count(), 0);
  assert.ok(!(await page.content()).includes(secret));
  assert.equal(await page.textContent("#said"), "Revoked: short");

  await page.fill("#name", "short");
  await page.click('button:has-text("Create")');
  await page.click('#new-token button:has-text("Hide the secret")');
  assert.equal(await page.locator("#new-token").count(), 0);
  await page.click('td button:has-text("Revoke")');
  await page.click("#sure-yes");
  await page.waitForSelector("text=There are none yet.");
}

/** A browser may keep a page that is left for its Back button, with all that it shows: the secret is gone by then. */
async function forgetsTheSecretWhenThePageIsLeft({ settings, page }) {
  await page.fill("#name", "left");
  await page.click('button:has-text("Create")');
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

/** A live tunnel, and its end. */
async function endsTunnels({ settings, ask, screenshot, page }) {
  await ask("hold_open");
  await open(page, "live");
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
    await page.click('button:has-text("Refresh")');
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
  await open(page, "audit");
  await page.waitForSelector("tbody tr");
  const empty = await page.evaluate(() => [...document.querySelectorAll("thead th")].filter((_, at) =>
    [...document.querySelectorAll(`tbody td:nth-child(${at + 1})`)].every((cell) => !cell.textContent)).length);
  assert.equal(empty, 0);
}

/** Every page, small and large, light and dark. */
async function fitsEveryScreen({ fits, page }) {
  for (const name of PAGES) {
    await open(page, name);
    await fits(page, `dashboard-${name}`);
  }
}

/** Another user sees their own sessions, and can end them. */
async function leavesOthersTheirOwn({ settings, newPage, signInAtProvider }) {
  const other = await newPage();
  other.expected = /401/;
  await signInAtProvider(other, settings.auth, settings.other, settings.password);
  await other.waitForSelector('body[data-page="my-sessions"]');
  assert.deepEqual(await other.locator("nav a").allTextContents(), ["My sessions"]);
  await other.waitForSelector('td:has-text("(this one)")');
  await other.click('button:has-text("End")');
  const refused = other.waitForResponse((answer) => answer.status() === 401);
  await other.click("#sure-yes");
  await refused;
}

const STEPS = [showsKeysForServers, rotatesWithOverlap, showsServiceTokensOnce, forgetsTheSecretOfARevokedToken,
  forgetsTheSecretWhenThePageIsLeft, endsTunnels, endsTerminals, leavesEmptyColumnsOut, fitsEveryScreen, leavesOthersTheirOwn];

export default async (world) => {
  const page = await begin(world);
  for (const step of STEPS) await step({ ...world, page });
};
