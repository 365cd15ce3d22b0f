// Choosing among several identity providers, by keyboard: at a first visit, at the next, and for a program that waits.
import assert from "node:assert/strict";

const offered = (page) => page.locator(".choices .button").allTextContents();

/** Goes to the n-th choice as a person without a mouse does, and takes it. */
async function choose(page, names, chosen) {
  for (const name of names) {
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), `Sign in with ${name}`);
    if (name === chosen) return page.keyboard.press("Enter");
  }
  throw new Error(`${chosen} is not offered`);
}

export default async ({ settings, ask, newPage, fits }) => {
  const page = await newPage();
  page.expected = /ERR_NAME_NOT_RESOLVED/;  // the provider's pages ask for a font
  await page.goto(settings.url);
  assert.deepEqual(await offered(page), settings.names.map((name) => `Sign in with ${name}`));
  await fits(page, "page-choice");

  const last = settings.names.at(-1);
  await choose(page, settings.names, last);
  await page.fill("[name=login]", settings.login);
  await page.fill("[name=password]", settings.password);
  await page.click("[type=submit]");
  await page.waitForSelector(`text=You are signed in as ${settings.email}.`);

  // Without a session the next sign-in is a choice again, and the one that was chosen last comes first.
  await page.context().clearCookies({ name: /Authorization|AppSession/ });
  await page.goto(settings.url);
  assert.deepEqual(await offered(page), [`${last} (as last time)`, ...settings.names.slice(0, -1)].map((name) => `Sign in with ${name}`));
  await fits(page, "page-choice-again");

  await page.goto(await ask("log_in"));
  await page.waitForSelector("text=A program on a computer is waiting");
  assert.equal((await offered(page)).length, settings.names.length);
  await fits(page, "page-choice-for-a-program");
};
