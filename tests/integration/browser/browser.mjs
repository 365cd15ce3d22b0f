// Runs one scenario in Debian's Chromium: `node browser.mjs SCENARIO.mjs SETTINGS`. A scenario exports a function of what
// is below; what it cannot do from inside a browser it asks of the test, which answers: a line of JSON each way, on standard
// output and input.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [scenario, text] = process.argv.slice(2);
const settings = JSON.parse(text);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Has the test do something; what it says to that. */
async function ask(what, ...values) {
  process.stdout.write(`${JSON.stringify([what, ...values])}\n`);
  const { value, done } = await answers.next();
  if (done) throw new Error("the test has gone");
  return JSON.parse(value);
}

const wrong = [];

/** A page of its own, in whose console nothing may go wrong. `options`: of Playwright's newContext(). */
async function newPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 700 }, ...options });
  context.setDefaultTimeout(settings.deadline);
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
    });
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => wrong.push(`page: ${error.stack}`));
  page.on("console", (message) => {
    const { url } = message.location();
    // A browser asks every site for one, now and then.
    if (message.type() !== "error" || url.endsWith("/favicon.ico") || page.expected?.test(message.text())) return;
    wrong.push(`console: ${message.text()} ${url}`);
  });
  return page;
}

/** At the edge's built-in page. */
async function signIn(page, url, email) {
  await page.goto(url);
  await page.fill("#email", email);
  await page.click("button[type=submit]");
}

/** At the provider of the tests. */
async function signInAtProvider(page, url, login, password) {
  await page.goto(url);
  await page.fill("[name=login]", login);
  await page.fill("[name=password]", password);
  await page.click("[type=submit]");
}

const state = (page, name) => page.waitForSelector(`body[data-state=${name}]`);

/** The lines that the terminal shows, as xterm's rows have them. */
async function screen(page) {
  const rows = await page.locator(".xterm-rows > div").allTextContents();
  return rows.map((row) => row.replaceAll("\u00a0", " ").trimEnd()).join("\n");
}

/** Until the terminal shows a match. */
async function shows(page, pattern) {
  const until = Date.now() + settings.deadline;
  for (;;) {
    const shown = await screen(page);
    const match = pattern.exec(shown);
    if (match) return match;
    if (Date.now() > until) throw new Error(`the terminal does not show ${pattern}:\n${shown}`);
    await page.waitForTimeout(50);
  }
}

async function type(page, line) {
  await page.keyboard.type(line);
  await page.keyboard.press("Enter");
}

/** What axe-core finds serious or worse. */
async function violations(page) {
  await page.evaluate(axe);
  const { violations: all } = await page.evaluate(() => globalThis.axe.run());
  return all.filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`);
}

const browser = await chromium.launch({ executablePath: settings.chromium, args: settings.arguments, headless: true });
try {
  const run = (await import(pathToFileURL(scenario))).default;
  const screenshot = (page, name) => page.screenshot({ path: `${settings.screenshots}/${name}.png` });
  await run({ browser, settings, ask, newPage: (options) => newPage(browser, options), signIn, signInAtProvider, state,
    screen, shows, type, violations, screenshot });
  if (wrong.length) throw new Error(`the pages complained:\n${wrong.join("\n")}`);
} finally {
  await browser.close();
}
process.exit(0);
