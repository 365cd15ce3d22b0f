// What a person does with a terminal, at the identity provider's sign-in, as another user, on a telephone.
import assert from "node:assert/strict";

/** Cuts the page's connection, as a network does that goes away. */
const cut = (page) => page.evaluate(() => globalThis.sockets.at(-1).close());

/** A shell, for a user who signs in at the provider. */
async function begin({ settings, newPage, signInAtProvider, state, shows, type }) {
  const page = await newPage({ permissions: ["clipboard-read", "clipboard-write"] });
  await page.addInitScript(() => {
    globalThis.sockets = [];
    const Plain = WebSocket;
    globalThis.WebSocket = class extends Plain {
      constructor(...how) {
        super(...how);
        globalThis.sockets.push(this);
      }
    };
  });
  await signInAtProvider(page, settings.url, settings.login, settings.password);
  await state(page, "open");
  await shows(page, /\S/);
  assert.match(await page.textContent("#countdown"), /^This session ends in 4:\d\d$/);
  await type(page, "PS1='$ '; clear");
  return page;
}

/** The size of the text stays as it was chosen. */
async function textStaysAsLargeAsChosen({ state, page }) {
  const rows = () => page.evaluate(() => document.querySelector(".xterm-rows").children.length);
  const before = await rows();
  for (let i = 0; i < 5; ++i) await page.keyboard.press("Control+Shift+Equal");
  await page.waitForFunction((count) => document.querySelector(".xterm-rows").children.length < count, before);
  const larger = await rows();
  await page.reload();
  await state(page, "open");
  await page.waitForFunction((count) => document.querySelector(".xterm-rows").children.length === count, larger);
}

/** Copying: what is selected, and only then what the host says. */
async function copies({ shows, type, page }) {
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  await type(page, "clear; echo copy''-me");
  await shows(page, /^copy-me$/m);
  await page.locator(".xterm-rows > div", { hasText: /^copy-me/ }).dblclick({ position: { x: 10, y: 5 }, force: true });
  await page.keyboard.press("Control+Shift+C");
  assert.match(await clipboard(), /^copy/);
  await page.evaluate(() => navigator.clipboard.writeText("mine"));
  const osc52 = String.raw`clear; printf '\033]52;c;aG9zdA==\007'; echo said''-it`;
  await type(page, osc52);
  await shows(page, /^said-it$/m);
  assert.equal(await clipboard(), "mine");
  await page.click("summary");
  await page.check("#setting-copy");
  await page.check("#setting-reader");
  await page.click("summary");
  await page.focus(".xterm-helper-textarea");
  await type(page, osc52);
  await shows(page, /^said-it$/m);
  await page.waitForFunction(async () => await navigator.clipboard.readText() === "host");
}

/** A screen reader is told. */
async function tellsScreenReaders({ type, violations, page }) {
  await type(page, "clear; echo for''-readers");
  await page.waitForSelector('.xterm-accessibility >> text="for-readers"', { state: "attached" });
  assert.deepEqual(await violations(page), []);
}

/** Search. */
async function searches({ shows, type, page }) {
  await type(page, "clear; echo nee''dle");
  await shows(page, /^needle$/m);
  await page.keyboard.press("Control+Shift+F");
  await page.fill("#sought", "needle");
  await page.keyboard.press("Enter");
  assert.equal(await page.textContent("#found"), "");
  await page.fill("#sought", "haystack");
  await page.keyboard.press("Enter");
  assert.equal(await page.textContent("#found"), "Not found");
  await page.keyboard.press("Escape");
}

/** A mouse, for a program that has asked for it. */
async function passesTheMouseOn({ shows, type, page }) {
  await type(page, String.raw`clear; printf '\033[?1000h\033[?1006h'; cat -v; printf '\033[?1000l'`);
  await page.locator(".xterm-screen").click({ position: { x: 30, y: 40 } });
  await page.keyboard.press("Enter");
  await shows(page, /\^\[\[<0;\d+;\d+M/);
  await page.keyboard.press("Control+D");
  await type(page, "clear; echo no''-mouse");
  await shows(page, /^no-mouse$/m);
}

/** A title. */
async function showsATitle({ type, page }) {
  await type(page, String.raw`printf '\033]0;at work\007'`);
  await page.waitForFunction(() => document.title === "at work – vm.localhost");
}

/** The network goes, and comes back. */
async function outlivesALostNetwork({ state, shows, type, page }) {
  await type(page, "clear; echo is''-here");
  await shows(page, /^is-here$/m);
  await cut(page);
  await state(page, "reconnecting");
  await state(page, "open");
  await shows(page, /^is-here$/m);
  await type(page, "echo and-go''es-on");
  await shows(page, /^and-goes-on$/m);
}

/** Another user is refused by name, and the page lets one choose. */
async function refusesOthersByName({ settings, state, violations, page }) {
  await page.click("#disconnect");
  await state(page, "ended");
  assert.equal(await page.textContent("#panel-text"), "You have ended this terminal.");
  await page.fill("#user", "daemon");
  await page.click("#connect-button");
  await page.waitForSelector("text=vm.localhost does not let you in as daemon.");
  assert.match(await page.textContent("#panel-hint"), new RegExp(`Your certificate is for ${settings.user}`));
  assert.deepEqual(await violations(page), []);
  await page.fill("#user", settings.user);
  await page.click("#connect-button");
  await state(page, "open");
}

/** Another window with the terminal of the page, of which it has left what `change` makes of it. */
async function secondWindow({ settings, page }, change = (saved) => saved) {
  const saved = await page.evaluate(() => {
    dispatchEvent(new PageTransitionEvent("pagehide"));
    return JSON.parse(sessionStorage.getItem("cfpipe-terminal"));
  });
  const second = await page.context().newPage();
  await second.addInitScript((text) => sessionStorage.setItem("cfpipe-terminal", text), JSON.stringify(change(saved)));
  return second;
}

/** What the edge says arrives up to the end of its first frame, and the rest once `globalThis.release` is called. */
function holdBack() {
  const FRAME_HEAD = 5;
  const Plain = WebSocket;
  globalThis.WebSocket = class extends Plain {
    set onmessage(handler) {
      const held = [];
      let first = true;
      globalThis.release = () => {
        super.onmessage = handler;
        held.forEach((data) => handler({ data }));
      };
      super.onmessage = ({ data }) => {
        const end = first ? FRAME_HEAD + new DataView(data).getUint32(1) : 0;
        first = false;
        if (end > 0) handler({ data: data.slice(0, end) });
        held.push(data.slice(end));
      };
    }
  };
}

async function takeBack({ state, page }) {
  await page.waitForSelector("text=Another window shows this terminal now.");
  await page.click('button:has-text("Take it back")');
  await state(page, "open");
}

/** Another window takes the session over, and gives it back. */
async function goesToTheNewestWindow(world) {
  const second = await secondWindow(world);
  await second.goto(world.settings.url);
  await world.state(second, "open");
  await takeBack(world);
  await world.state(second, "ended");
  await second.close();
}

/** A page says that it is connected, and takes keys, once it shows what was there before. */
async function takesKeysOnceAllIsDrawn(world) {
  const { settings, state, shows, type, page } = world;
  await type(page, "clear; echo ea''rlier");
  await shows(page, /^earlier$/m);
  const second = await secondWindow(world, (saved) => ({ ...saved, screen: "" }));
  await second.addInitScript(holdBack);
  await second.goto(settings.url);
  await second.waitForSelector("#state[title^='Host key']");
  assert.equal(await second.getAttribute("body", "data-state"), "reconnecting");
  await second.evaluate(() => globalThis.release());
  await state(second, "open");
  await type(second, "echo he''ard");
  await shows(second, /^earlier\n(.*\n)*heard$/m);
  await second.close();
  await takeBack(world);
}

/** A server with another key than before stops it. */
async function stopsAtAnotherHostKey({ ask, state, screenshot, page }) {
  const [recorded, shown] = await ask("change_host_key");
  await page.click("#disconnect");
  await state(page, "ended");
  await page.click("#connect-button");
  await page.waitForSelector("text=an attacker may be in between");
  const details = await page.textContent("#panel-details");
  assert.ok(details.includes(recorded) && details.includes(shown), details);
  await screenshot(page, "terminal-host-key");
  await ask("forget_host_key");
  await page.click("#connect-button");
  await state(page, "open");
}

/** Policies may have changed, and a sign-in may have ended: both are said. */
async function saysWhoMayNoLonger({ ask, state, violations, screenshot, page }) {
  page.expected = /40[13]|WebSocket|ERR_NAME_NOT_RESOLVED/;  // the provider's pages ask for a font
  assert.ok(await page.isHidden("#another-user"));
  await ask("deny");
  await page.waitForSelector("text=policies do not admit you any more");
  await page.waitForSelector("#another-user");
  await page.click("#connect-button");
  await page.waitForSelector("text=You may not reach this host any more.");
  assert.match(await page.textContent("#panel-hint"), /excludes email/);
  await page.waitForSelector("#another-user");
  const before = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 640 });
  await page.waitForFunction(() => document.documentElement.scrollWidth <= 360);  // once the terminal has followed
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(page), []);
    await screenshot(page, `terminal-denied-${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize(before);
  await ask("allow");
  await page.click("#connect-button");
  await state(page, "open");
  await page.context().clearCookies();
  await cut(page);
  await page.waitForSelector("text=Your sign-in has ended.");
}

/** A person who may not reach the host any more signs in as another one, and is back at the same terminal. */
async function letsAnotherUserSignIn({ settings, ask, signInAtProvider, state, page }) {
  await page.evaluate(() => sessionStorage.clear());  // of what an earlier step left for another window
  await signInAtProvider(page, settings.url, settings.login, settings.password);
  await state(page, "open");
  await ask("deny");
  await page.waitForSelector("#another-user");
  await page.focus("#connect-button");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.click('button:has-text("Yes, sign me out")');
  await page.fill("[name=login]", settings.other);
  await page.fill("[name=password]", settings.password);
  await page.click("[type=submit]");
  await page.waitForFunction((email) => document.querySelector(".menu p")?.textContent === email, settings.otherEmail);
  assert.equal(page.url(), settings.url);
  await ask("allow");
}

/** Keys of the screen, as a program on the host knows them that asks the terminal for its other sequences (htop, vim). */
async function pressesKeysOnTheScreen({ settings, shows, type, page }) {
  const press = (...names) => names.reduce((before, name) => before.then(() => page.tap(`#key-${name}`)), Promise.resolve());
  const known = async (name, ...keys) => {
    await press(...keys);
    await shows(page, new RegExp(`^${name}$`, "m"));
  };
  await type(page, `clear; python3 ${settings.keys}`);
  await shows(page, /^ready$/m);
  for (const [key, name] of Object.entries({ up: "KEY_UP", down: "KEY_DOWN", left: "KEY_LEFT", right: "KEY_RIGHT",
    home: "KEY_HOME", end: "KEY_END", pageup: "KEY_PPAGE", pagedown: "KEY_NPAGE", tab: "\\^I", bar: "\\|" })) await known(name, key);
  await known("kLFT5", "control", "left");
  await press("more");
  await known("KEY_F\\(1\\)", "f1");
  await known("KEY_F\\(10\\)", "f10");
  await known("KEY_IC", "insert");
  await known("KEY_DC", "delete");
  await known("KEY_BTAB", "shift", "tab");
  await known("kUP6", "shift", "control", "up");
  assert.equal(await page.getAttribute("#key-control", "aria-pressed"), "false", "it is held for one key");
  await press("control", "slash");
  await shows(page, /^\^_$/m);
  await press("up");
  await page.keyboard.type("q");

  // A paste of many lines stays a paste.
  await type(page, "clear; PS1='in''side> ' bash --norc");
  await shows(page, /^inside>/m);
  await page.evaluate(() => navigator.clipboard.writeText("echo first\necho second\n"));
  await press("paste", "more");
  assert.doesNotMatch(await shows(page, /echo second/).then((match) => match.input), /^first$/m);
  await page.keyboard.press("Enter");
  await shows(page, /^first\nsecond$/m);
  await type(page, "exit");
}

/** On a telephone. */
async function worksOnATelephone({ settings, newPage, signInAtProvider, state, shows, type, violations, screenshot }) {
  const phone = await newPage({ viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true, colorScheme: "dark",
    permissions: ["clipboard-read", "clipboard-write"] });
  await signInAtProvider(phone, settings.url, settings.login, settings.password);
  await state(phone, "open");
  await shows(phone, /\S/);
  await type(phone, "PS1='$ '; clear; cat");
  await phone.keyboard.type("typed");
  await phone.tap("#key-control");
  await phone.keyboard.type("c");
  await type(phone, "clear; echo left''-cat");
  await shows(phone, /^left-cat$/m);
  assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth) <= 360);
  assert.deepEqual(await violations(phone), []);
  await screenshot(phone, "terminal-phone");
  await pressesKeysOnTheScreen({ settings, shows, type, page: phone });
  await phone.tap("#key-more");
  assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth) <= 360);
  assert.deepEqual(await violations(phone), []);
  await screenshot(phone, "terminal-phone-keys");
  phone.expected = /status of 40[13]/;  // it stays open, and asks why when a policy ends its session
}

const STEPS = [textStaysAsLargeAsChosen, copies, tellsScreenReaders, searches,
  passesTheMouseOn, showsATitle, outlivesALostNetwork, refusesOthersByName,
  goesToTheNewestWindow, takesKeysOnceAllIsDrawn, stopsAtAnotherHostKey, saysWhoMayNoLonger, worksOnATelephone, letsAnotherUserSignIn];

export default async (world) => {
  const page = await begin(world);
  for (const step of STEPS) await step({ ...world, page });
};
