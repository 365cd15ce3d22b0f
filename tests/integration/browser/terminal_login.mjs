// A server without certificates: the page asks, and keeps nothing of what it is told.
import assert from "node:assert/strict";

export default async ({ settings, newPage, signIn, state, shows, violations, screenshot }) => {
  const page = await newPage();
  await signIn(page, settings.url, settings.email);
  await state(page, "waiting");
  await page.fill("#user", "ann");
  await page.click("#connect-button");
  await state(page, "asking");
  assert.equal(await page.textContent("#panel-title"), "Log in as ann");
  assert.ok(await page.isHidden("#with-key"));
  assert.deepEqual(await violations(page), []);
  await screenshot(page, "terminal-password");
  await page.fill("#password", "wrong");
  await page.click('#log-in button[type="submit"]');
  await page.waitForSelector("text=The server does not take that.");
  await page.fill("#password", settings.secret);
  await page.keyboard.press("Enter");
  await state(page, "open");
  await shows(page, /^welcome$/m);
  assert.equal(await page.inputValue("#password"), "");
  const kept = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage]) + document.documentElement.outerHTML);
  assert.ok(!kept.includes(settings.secret));
};
