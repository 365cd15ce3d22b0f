// Signing in as another user where an identity provider remembers the first one.
import assert from "node:assert/strict";

async function signInAs(page, settings, login) {
  await page.waitForSelector("[name=login]");
  await page.fill("[name=login]", login);
  await page.fill("[name=password]", settings.password);
  await page.click("[type=submit]");
}

export default async ({ settings, newPage, fits }) => {
  const page = await newPage();
  page.expected = /status of 40[034]|ERR_NAME_NOT_RESOLVED/;  // the provider's pages ask for a font
  await page.goto(settings.url);

  // The provider lets this one in, the edge cannot use what it says.
  await signInAs(page, settings, "unverified");
  await page.waitForSelector("h1:has-text('Sign-in not completed')");
  await fits(page, "page-failed");
  await page.click("text=Sign in as another user");
  await page.click('button:has-text("Yes, sign me out")');

  await signInAs(page, settings, "eve");
  await page.waitForSelector("text=You are signed in as eve@example.com. You may not reach vm.localhost");
  await page.click("text=Sign in as another user");
  await page.click('button:has-text("Yes, sign me out")');

  await signInAs(page, settings, settings.login);
  await page.waitForSelector(`text=You are signed in as ${settings.email}.`);
  assert.equal(page.url(), settings.url);
};
