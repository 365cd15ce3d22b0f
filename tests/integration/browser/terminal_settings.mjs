// What a person chooses of a terminal's page, and how the keyboard alone gets around in it.
import assert from "node:assert/strict";

const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.className);
const TERMINAL = "xterm-helper-textarea";
const LEAVE = "Control+Shift+Enter";
/** Of text to what is behind it (WCAG 1.4.3). */
const CONTRAST = 4.5;

async function begin({ settings, newPage, signIn, state, shows, type }) {
  const page = await newPage({ colorScheme: "dark" });
  await signIn(page, settings.url, settings.email);
  await state(page, "open");
  await shows(page, /\S/);
  await type(page, "PS1='$ '; clear");
  return page;
}

/** Tab is the shell's; another key, which the page tells, leads out of the terminal and back. */
async function leadsTheKeyboardOut({ shows, type, page }) {
  await type(page, "clear; cat -v");
  await page.keyboard.press("Tab");
  await page.keyboard.type("is-a-tab");
  await page.keyboard.press("Enter");
  await shows(page, /^\s+is-a-tab$/m);
  assert.equal(await focused(page), TERMINAL);
  assert.ok(await page.isVisible("#way-out"));
  assert.match(await page.textContent("#way-out"), /^Ctrl\+Shift\+Enter /);
  assert.equal(await page.getAttribute(`.${TERMINAL}`, "aria-describedby"), "way-out");

  await page.keyboard.press(LEAVE);
  assert.equal(await focused(page), "search-open");
  assert.ok(!await page.isVisible("#way-out"));
  const passed = [];
  while (passed.length < 20 && passed.at(-1) !== TERMINAL) {
    await page.keyboard.press("Tab");
    passed.push(await focused(page));
  }
  for (const control of ["smaller", "larger", "disconnect", "host-key-hide", TERMINAL]) assert.ok(passed.includes(control), `${passed}`);
  await page.keyboard.press(LEAVE);
  assert.equal(await focused(page), "search-open");
  await page.keyboard.press(LEAVE);
  assert.equal(await focused(page), TERMINAL);
  assert.ok(await page.isHidden("#search"), "the button that had the focus is not pressed");
  await page.keyboard.press("Control+D");
}

/** The line about a new host key goes, and stays away for that key. */
async function putsTheHostKeyAway({ state, page }) {
  assert.match(await page.textContent("#host-key"), /^New host key, recorded now: SHA256:/);
  await page.click("#host-key-hide");
  assert.ok(await page.isHidden("#host-key-line"));
  assert.equal(await focused(page), TERMINAL);
  await page.reload();
  await state(page, "open");
  assert.match(await page.getAttribute("#state", "title"), /SHA256:/);
  assert.ok(await page.isHidden("#host-key-line"));
}

/** The ratio of what is written on the screen to what is behind it, by its text. */
function contrasts() {
  const light = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const luminance = (colour) => {
    const [red, green, blue] = colour.match(/\d+/g).map((part) => light(Number(part) / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = luminance(getComputedStyle(document.querySelector("main")).backgroundColor);
  return [...document.querySelectorAll(".xterm-rows span")].filter((span) => /^colour-\d+$/.test(span.textContent)).map((span) => {
    const text = luminance(getComputedStyle(span).color);
    return [span.textContent, (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05)];
  });
}

/** Colours apply at once, are remembered, and can be read, whichever a program chooses. */
async function choosesColours({ state, shows, type, fits, screenshot, page }) {
  await type(page, String.raw`clear; for i in $(seq 0 15); do printf '\033[38;5;%dmcolour-%d\033[0m\n' $i $i; done; echo all-''of-them`);
  await shows(page, /^all-of-them$/m);
  const paper = () => page.evaluate(() => getComputedStyle(document.querySelector("main")).backgroundColor);
  const bar = () => page.evaluate(() => getComputedStyle(document.querySelector("header")).backgroundColor);
  const dark = [await paper(), await bar()];
  await page.emulateMedia({ colorScheme: "light" });
  await page.waitForFunction((before) => getComputedStyle(document.querySelector("main")).backgroundColor !== before, dark[0]);
  const light = [await paper(), await bar()];
  assert.notEqual(light[1], dark[1], "the page is as bright as the system");

  await page.keyboard.press(LEAVE);
  await page.click("summary");
  const papers = new Set();
  for (const theme of ["light", "dark", "solarized-light", "gruvbox-dark", "dracula"]) {
    await page.selectOption("#setting-theme", theme);
    papers.add(await paper());
    assert.equal(await bar(), /light/.test(theme) ? light[1] : dark[1], `${theme}: the page is as bright as its terminal`);
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));  // xterm draws then
    await screenshot(page, `terminal-colours-${theme}`);
    const found = await page.evaluate(contrasts);
    assert.equal(found.length, 16, `${found}`);
    for (const [text, ratio] of found) assert.ok(ratio >= CONTRAST, `${theme}: ${text} has ${ratio}`);
  }
  assert.equal(papers.size, 5);
  await page.reload();
  await state(page, "open");
  assert.equal(await page.inputValue("#setting-theme"), "dracula");
  await shows(page, /^all-of-them$/m);
  assert.ok(papers.has(await paper()) && await paper() !== light[0]);
  await page.click("summary");
  await page.selectOption("#setting-theme", "");
  assert.equal(await paper(), light[0]);
  await fits(page, "terminal-settings");
  for (const width of [360, 390, 500]) {
    await page.setViewportSize({ width, height: 800 });
    const { x, width: wide } = await page.locator(".menu").boundingBox();
    assert.ok(x >= 0 && x + wide <= width, `the settings go from ${x} to ${x + wide} of ${width}`);
  }
  await page.setViewportSize({ width: 1000, height: 700 });
}

/** Fonts that the system has, no others; one applies at once, and is remembered. */
async function choosesAFont({ state, page }) {
  const fonts = await page.$$eval("#setting-font option", (all) => all.map((one) => one.value));
  assert.equal(fonts[0], "");
  assert.ok(!fonts.includes("Menlo"), `no font of another system: ${fonts}`);
  const family = () => page.evaluate(() => getComputedStyle(document.querySelector(".xterm-rows")).fontFamily);
  const usual = await family();
  const chosen = fonts.at(-1);
  assert.ok(chosen, "this system has one of them");
  await page.selectOption("#setting-font", chosen);
  await page.waitForFunction((name) => getComputedStyle(document.querySelector(".xterm-rows")).fontFamily.includes(name), chosen);
  assert.notEqual(await family(), usual);
  await page.reload();
  await state(page, "open");
  assert.equal(await page.inputValue("#setting-font"), chosen);
  assert.notEqual(await family(), usual);
}

const STEPS = [leadsTheKeyboardOut, putsTheHostKeyAway, choosesColours, choosesAFont];

export default async (world) => {
  const page = await begin(world);
  for (const step of STEPS) await step({ ...world, page });
};
