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

/** What the WebSockets of all pages did, shown when a scenario fails: the time, and frames by their first bytes. */
const traffic = [];
const FRAME_SHOWN = 60;
const TRAFFIC_SHOWN = 100;

function listen(page, name) {
  page.on("websocket", (socket) => {
    const note = (text) => traffic.push(`${new Date().toISOString()} ${name} ${text}`);
    const shown = ({ payload }) => JSON.stringify(payload.toString("latin1").slice(0, FRAME_SHOWN));
    note(`opens ${new URL(socket.url()).pathname}`);
    socket.on("framesent", (frame) => note(`> ${shown(frame)}`));
    socket.on("framereceived", (frame) => note(`< ${shown(frame)}`));
    socket.on("socketerror", (error) => note(`error ${error}`));
    socket.on("close", () => note("closed"));
  });
}

/** A page of its own, in whose console nothing may go wrong. `options`: of Playwright's newContext(). */
async function newPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 700 }, ...options });
  context.setDefaultTimeout(settings.deadline);
  context.on("page", (page) => listen(page, `page ${context.pages().length}`));
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

/** Widths of two telephones, a tablet, a laptop and a screen on a desk, in pixels. */
const WIDTHS = [360, 390, 768, 1440, 1920];
/** Those that axe-core looks at: there is one arrangement for telephones and tablets, and one for others. */
const AXE_WIDTHS = [360, 390, 1440];
const HEIGHT = 800;

/** Words of up to `most` characters that are broken over two lines, though nothing in them is a place to break. */
async function brokenWords(page, most) {
  return page.evaluate((longest) => {
    const broken = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (!node.parentElement.checkVisibility()) continue;
      for (const { 0: word, index } of node.data.matchAll(/\S+/g)) {
        if (word.length > longest || !/^[\w.@:]+$/.test(word)) continue;
        const range = document.createRange();
        range.setStart(node, index);
        range.setEnd(node, index + word.length);
        if (new Set([...range.getClientRects()].map((box) => box.top)).size > 1) broken.push(word);
      }
    }
    return broken;
  }, most);
}

/** Every link, button and field can be reached by the Tab key alone. */
async function unreached(page) {
  return page.evaluate(() => {
    const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary")];
    const shown = all.filter((one) => one.checkVisibility() && one.type !== "hidden" && !one.disabled);
    return shown.filter((one) => one.tabIndex < 0).map((one) => one.outerHTML);
  });
}

/** The page as it is can be read and used at every width, light and dark. Words that have room are not broken. */
async function fits(page, name) {
  const before = page.viewportSize();
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: HEIGHT });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > width) throw new Error(`${name} is ${wide} wide at ${width}`);
    const broken = await brokenWords(page, width < 1000 ? 16 : 40);
    if (broken.length) throw new Error(`${name} breaks words at ${width}: ${broken}`);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: `${settings.screenshots}/${name}-${width}-${colorScheme}.png` });
      const found = AXE_WIDTHS.includes(width) ? await violations(page) : [];
      if (found.length) throw new Error(`${name} at ${width}, ${colorScheme}: ${found.join("\n")}`);
    }
  }
  const lost = await unreached(page);
  if (lost.length) throw new Error(`${name}: the Tab key does not reach ${lost.join("\n")}`);
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize(before);
}

const browser = await chromium.launch({ executablePath: settings.chromium, args: settings.arguments, headless: true });
try {
  const run = (await import(pathToFileURL(scenario))).default;
  const screenshot = (page, name) => page.screenshot({ path: `${settings.screenshots}/${name}.png` });
  await run({ browser, settings, ask, newPage: (options) => newPage(browser, options), signIn, signInAtProvider, state,
    screen, shows, type, violations, fits, screenshot });
  if (wrong.length) throw new Error(`the pages complained:\n${wrong.join("\n")}`);
} catch (error) {
  console.error(traffic.slice(-TRAFFIC_SHOWN).join("\n"));
  throw error;
} finally {
  await browser.close();
}
process.exit(0);
