// Files between a browser and the host, beside a shell that stays usable.
import assert from "node:assert/strict";

const TERMINAL = ".xterm-helper-textarea";

/** The newest transfer of that title, once it has ended: how. */
async function outcome(page, title) {
  const row = page.locator("#transfers li", { hasText: title }).first();
  await row.locator("xpath=self::*[@data-outcome]").waitFor();
  return [await row.getAttribute("data-outcome"), await row.locator(".hint").textContent()];
}

async function goTo(page, path) {
  await page.fill("#files-path", path);
  await page.press("#files-path", "Enter");
  await page.waitForFunction((wanted) => document.querySelector("#files-path").value === wanted
    && document.querySelector("#files-text").textContent === "", path);
}

const entry = (page, name) => page.locator("#files-list button", { has: page.locator(`bdi:text-is(${JSON.stringify(name)})`) });

async function begin({ settings, newPage, signIn, state, shows, type }, options = {}) {
  const { picks, ...of } = options;
  const page = await newPage({ acceptDownloads: true, ...of });
  await page.addInitScript((chooses) => {
    globalThis.sockets = [];
    const Plain = WebSocket;
    globalThis.WebSocket = class extends Plain {
      constructor(...how) {
        super(...how);
        globalThis.sockets.push(this);
      }
    };
    if (!chooses) delete globalThis.showSaveFilePicker;
    // What a person would choose in a dialog of the system: a file that only this page sees.
    else globalThis.showSaveFilePicker = async ({ suggestedName }) => {
      const directory = await navigator.storage.getDirectory();
      return directory.getFileHandle(suggestedName, { create: true });
    };
  }, picks === true);
  await signIn(page, settings.url, settings.email);
  await state(page, "open");
  await shows(page, /\S/);
  await type(page, "PS1='$ '; clear");
  await page.click("#files-open");
  await page.waitForFunction((home) => document.querySelector("#files-path").value === home, settings.home);
  return page;
}

/** The home directory first; others by their path, by a click, and up again. */
async function showsDirectories({ settings, page }) {
  await goTo(page, settings.directory);
  assert.deepEqual(await page.locator("#files-list bdi").allTextContents(), ["..", "below/", "big.bin", "two wörds.txt"]);
  await entry(page, "below/").click();
  await page.waitForFunction((path) => document.querySelector("#files-path").value === path, `${settings.directory}/below`);
  await entry(page, "..").click();
  await page.waitForFunction((path) => document.querySelector("#files-path").value === path, settings.directory);
  await page.fill("#files-path", `${settings.directory}/none`);
  await page.press("#files-path", "Enter");
  await page.waitForSelector("text=There is no such file or directory");
  await goTo(page, settings.directory);
}

/** 20 MiB up, whole, under its own name, with nothing beside it. */
async function uploads({ settings, ask, screenshot, page }) {
  await page.setInputFiles("#files-input", settings.large);
  assert.deepEqual(await outcome(page, "Upload large.bin"), ["done", "Done."]);
  await entry(page, "large.bin").waitFor();
  assert.equal(await ask("hash", "large.bin"), settings.largeHash);
  assert.deepEqual(await ask("list"), ["below", "big.bin", "large.bin", "two wörds.txt"]);
  await screenshot(page, "terminal-files");
}

/** 20 MiB down, and a file whose name is none of ASCII. */
async function downloads({ settings, ask, page }) {
  const saved = async (name) => {
    const [file] = await Promise.all([page.waitForEvent("download"), entry(page, name).click()]);
    assert.equal(file.suggestedFilename(), name);
    assert.deepEqual((await outcome(page, `Download ${name}`))[0], "done");
    return ask("hash_of", await file.path());
  };
  assert.equal(await saved("big.bin"), settings.bigHash);
  assert.equal(await saved("two wörds.txt"), await ask("hash", "two wörds.txt"));
}

/** A file that is there is replaced only where that is wanted, and keeps its permissions. */
async function asksBeforeItReplaces({ settings, ask, violations, page }) {
  await ask("write", "large.bin", "before");
  await page.setInputFiles("#files-input", settings.large);
  await page.waitForSelector("text=large.bin is there already.");
  assert.deepEqual(await violations(page), []);
  await page.click("#files-skip");
  await page.waitForSelector("#files-question", { state: "hidden" });
  assert.equal(await ask("read", "large.bin"), "before");
  await page.setInputFiles("#files-input", settings.large);
  await page.click("#files-replace");
  await page.waitForFunction(() => [...document.querySelectorAll("#transfers li")].filter(
    (row) => row.textContent.includes("large.bin") && row.dataset.outcome === "done").length === 2);
  assert.equal(await ask("hash", "large.bin"), settings.largeHash);
  assert.equal(await ask("mode", "large.bin"), 0o750);
}

/** The shell answers while a file is under way; one that is cancelled leaves nothing. */
async function leavesTheShellUsable({ settings, ask, shows, type, violations, page }) {
  await page.setInputFiles("#files-input", settings.endless);
  const row = page.locator("#transfers li", { hasText: "Upload endless.bin" }).first();
  await row.locator("text=/[1-9].* of 2.0 GiB, \\d+ %/").waitFor();
  assert.deepEqual(await violations(page), []);
  await page.click("#files-close");
  assert.match(await page.textContent("#files-open"), /^Files \d+ %$/);
  await page.focus(TERMINAL);
  for (const word of ["one", "two", "three"]) {
    await type(page, `clear; echo ${word.slice(0, 1)}''${word.slice(1)}`);
    await shows(page, new RegExp(`^${word}$`, "m"));
  }
  await page.click("#files-open");
  assert.ok((await ask("list")).some((name) => name.endsWith(".part")), "it is under way still");
  await row.locator("button").click();
  assert.deepEqual(await outcome(page, "Upload endless.bin"), ["cancelled", "Cancelled."]);
  assert.deepEqual(await ask("list"), ["below", "big.bin", "large.bin", "two wörds.txt"]);
}

/** Directories that may not be written are named, with the next step; other transfers go on. */
async function saysWhatIsNotAllowed({ settings, page }) {
  await goTo(page, settings.forbidden);
  await page.setInputFiles("#files-input", settings.small);
  const [how, text] = await outcome(page, "Upload small.txt");
  assert.equal(how, "failed");
  assert.match(text, /^Permission denied\. Choose another directory/);
  await goTo(page, settings.directory);
}

/** Files that are dropped on the terminal. */
async function takesWhatIsDropped({ ask, page }) {
  await page.click("#files-close");
  const data = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["dropped"], "dropped.txt"));
    return transfer;
  });
  await page.dispatchEvent("#screen", "dragover", { dataTransfer: data });
  await page.dispatchEvent("#screen", "drop", { dataTransfer: data });
  assert.deepEqual(await outcome(page, "Upload dropped.txt"), ["done", "Done."]);
  assert.equal(await ask("read", "dropped.txt"), "dropped");
}

/** A connection that is lost ends a transfer, and its part is removed once the connection is back. */
async function cleansUpBehindALostConnection({ settings, ask, state, page }) {
  await page.setInputFiles("#files-input", settings.endless);
  const row = page.locator("#transfers li", { hasText: "Upload endless.bin" }).first();
  await row.locator("text=/[1-9].* of 2.0 GiB/").waitFor();
  await page.evaluate(() => globalThis.sockets.at(-1).close());
  assert.deepEqual(await outcome(page, "Upload endless.bin"), ["failed", "The connection was lost. Try again."]);
  await state(page, "open");
  await ask("wait_for", ["below", "big.bin", "dropped.txt", "large.bin", "two wörds.txt"]);
  await entry(page, "below/").click();
  await entry(page, "..").click();
  await page.waitForFunction((path) => document.querySelector("#files-path").value === path, settings.directory);
}

/** Where the browser writes into a file as it comes. */
async function savesAsItComes(world) {
  const page = await begin(world, { picks: true });
  await goTo(page, world.settings.directory);
  await entry(page, "big.bin").click();
  assert.deepEqual(await outcome(page, "Download big.bin"), ["done", "Done."]);
  const hash = await page.evaluate(async () => {
    const file = await (await (await navigator.storage.getDirectory()).getFileHandle("big.bin")).getFile();
    const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  });
  assert.equal(hash, world.settings.bigHash);
  await world.fits(page, "terminal-files");
  await page.keyboard.press("Escape");
  assert.ok(await page.isHidden("#files"));
  await page.context().close();
}

/** On a telephone the panel has the screen, and the terminal is back behind it. */
async function worksOnATelephone(world) {
  const { settings, state, shows, type, violations, screenshot } = world;
  const phone = await begin(world, { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });
  await goTo(phone, settings.directory);
  await phone.setInputFiles("#files-input", settings.small);
  assert.deepEqual(await outcome(phone, "Upload small.txt"), ["done", "Done."]);
  assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth) <= 360);
  assert.deepEqual(await violations(phone), []);
  await screenshot(phone, "terminal-files-phone");
  await phone.tap("#files-close");
  await state(phone, "open");
  await type(phone, "clear; echo ba''ck");
  await shows(phone, /^back$/m);
  await phone.context().close();
}

const STEPS = [showsDirectories, uploads, downloads, asksBeforeItReplaces, leavesTheShellUsable, saysWhatIsNotAllowed, takesWhatIsDropped,
  cleansUpBehindALostConnection];

export default async (world) => {
  const page = await begin(world, { colorScheme: "dark" });
  for (const step of STEPS) await step({ ...world, page });
  await savesAsItComes(world);
  await worksOnATelephone(world);
};
