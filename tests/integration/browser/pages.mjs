// The pages around a sign-in, at the edge's built-in one: what they offer, and that they can be read and used everywhere.
import assert from "node:assert/strict";

const button = (page) => page.locator(".button");

/** Without a sign-in, at a host that is reached by ssh. */
async function signsIn({ settings, newPage, fits }) {
  const page = await newPage();
  await page.goto(`${settings.url}no/such/page`);
  await fits(page, "page-sign-in");
  await page.fill("#email", settings.denied);
  await page.keyboard.press("Enter");
  return page;
}

/** A refusal is no end: another user may sign in, and is led to where the first one wanted to go. */
async function letsAnotherUserSignIn({ settings, fits, page }) {
  await page.waitForSelector(`text=You are signed in as ${settings.denied}. You may not reach vm.localhost`);
  await fits(page, "page-denied");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Sign in as another user");
  await page.keyboard.press("Enter");
  await page.fill("#email", settings.email);
  await page.click("button");
  await page.waitForSelector("text=There is no page at this address.");
  assert.equal(page.url(), `${settings.url}no/such/page`);
  await fits(page, "page-not-found");
  await button(page).click();
  assert.equal(page.url(), settings.url);
}

/** What to do is on the page, in words for the kind of the application. */
async function saysHowToGoOn({ settings, ask, fits, page }) {
  await page.waitForSelector(`text=You are signed in as ${settings.email}.`);
  await fits(page, "page-ssh");
  await page.goto(settings.tcp);
  await page.waitForSelector("text=To reach it with a program of yours");
  const command = await page.textContent("pre");
  assert.doesNotMatch(await page.textContent("main"), /ssh/i);
  await fits(page, "page-tcp");
  await ask("run", command);
}

/** A program that has been let in: what it may do, until when, and where that is ended. */
async function saysWhatWasGranted({ settings, ask, fits, page }) {
  await page.goto(await ask("log_in"));
  await page.waitForSelector("text=A program on a computer is waiting");
  await fits(page, "page-consent");
  await page.click('button:has-text("Give access")');
  await page.waitForSelector(`text=You are signed in to vm.localhost as ${settings.email}, and so is the program that asked.`);
  assert.match(await page.textContent("dl"), /vm\.localhost, until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/);
  await fits(page, "page-granted");
  await ask("logged_in");
  await page.click('a:has-text("My sessions")');
  await page.waitForSelector('body[data-page="my-sessions"]');
}

/** Another page may lead to a sign-out, which is asked about; then there is a way back in. */
async function signsOut({ settings, fits, page }) {
  await page.goto(settings.url);
  await page.evaluate((url) => location.assign(url), `${settings.auth}cdn-cgi/access/logout`);
  await page.waitForSelector("h1:has-text('Sign out?')");
  await fits(page, "page-sign-out");
  await button(page).click();
  await page.waitForSelector("text=This browser is signed out.");
  await fits(page, "page-signed-out");
  await button(page).click();
  await page.waitForSelector("#email");
}

const STEPS = [letsAnotherUserSignIn, saysHowToGoOn, saysWhatWasGranted, signsOut];

export default async (world) => {
  const page = await signsIn(world);
  page.expected = /status of 40[34]/;
  for (const step of STEPS) await step({ ...world, page });
};
