// What a person does with a terminal, at the identity provider's sign-in, as another user, on a telephone.
import assert from "node:assert/strict";

/** Cuts the page's connection, as a network does that goes away. */
const cut = (page) => page.evaluate(() => globalThis.sockets.at(-1).close());

export default async ({ settings, ask, newPage, signInAtProvider, state, shows, type, violations, screenshot }) => {
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
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  await signInAtProvider(page, settings.url, settings.login, settings.password);
  await state(page, "open");
  await shows(page, /\S/);
  assert.match(await page.textContent("#countdown"), /^This session ends in 4:\d\d$/);
  await type(page, "PS1='$ '; clear");

  // The size of the text stays as it was chosen.
  const columns = () => page.evaluate(() => document.querySelector(".xterm-rows").children.length);
  const before = await columns();
  for (let i = 0; i < 5; ++i) await page.keyboard.press("Control+Shift+Equal");
  await page.waitForFunction((rows) => document.querySelector(".xterm-rows").children.length < rows, before);
  const larger = await columns();
  await page.reload();
  await state(page, "open");
  await page.waitForFunction((rows) => document.querySelector(".xterm-rows").children.length === rows, larger);

  // Copying: what is selected, and only then what the host says.
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

  // A screen reader is told.
  await type(page, "clear; echo for''-readers");
  await page.waitForSelector('.xterm-accessibility >> text="for-readers"', { state: "attached" });
  assert.deepEqual(await violations(page), []);

  // Search.
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

  // A mouse, for a program that has asked for it.
  await type(page, String.raw`clear; printf '\033[?1000h\033[?1006h'; cat -v; printf '\033[?1000l'`);
  await page.locator(".xterm-screen").click({ position: { x: 30, y: 40 } });
  await page.keyboard.press("Enter");
  await shows(page, /\^\[\[<0;\d+;\d+M/);
  await page.keyboard.press("Control+D");
  await type(page, "clear; echo no''-mouse");
  await shows(page, /^no-mouse$/m);

  // A title.
  await type(page, String.raw`printf '\033]0;at work\007'`);
  await page.waitForFunction(() => document.title === "at work – vm.localhost");

  // The network goes, and comes back.
  await type(page, "clear; echo is''-here");
  await shows(page, /^is-here$/m);
  await cut(page);
  await state(page, "reconnecting");
  await state(page, "open");
  await shows(page, /^is-here$/m);
  await type(page, "echo and-go''es-on");
  await shows(page, /^and-goes-on$/m);

  // Another user is refused by name, and the page lets one choose.
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

  // Another window takes the session over, and gives it back.
  const saved = await page.evaluate(() => {
    dispatchEvent(new PageTransitionEvent("pagehide"));
    return sessionStorage.getItem("cfpipe-terminal");
  });
  const second = await page.context().newPage();
  await second.addInitScript((text) => sessionStorage.setItem("cfpipe-terminal", text), saved);
  await second.goto(settings.url);
  await state(second, "open");
  await page.waitForSelector("text=Another window shows this terminal now.");
  await page.click('button:has-text("Take it back")');
  await state(page, "open");
  await state(second, "ended");
  await second.close();

  // A server with another key than before stops it.
  const [recorded, shown] = await ask("change_host_key");
  await page.click("#disconnect");
  await state(page, "ended");
  await page.click("#connect-button");
  await page.waitForSelector("text=somebody may be in between");
  const details = await page.textContent("#panel-details");
  assert.ok(details.includes(recorded) && details.includes(shown), details);
  await screenshot(page, "terminal-host-key");
  await ask("forget_host_key");
  await page.click("#connect-button");
  await state(page, "open");

  // Policies may have changed, and a sign-in may have ended: both are said.
  page.expected = /40[13]|WebSocket/;
  await ask("deny");
  await cut(page);
  await page.waitForSelector("text=You may not reach this host any more.");
  assert.match(await page.textContent("#panel-hint"), /excludes email/);
  await ask("allow");
  await page.click("#connect-button");
  await state(page, "open");
  await page.context().clearCookies();
  await cut(page);
  await page.waitForSelector("text=Your sign-in has ended.");

  // On a telephone.
  const phone = await newPage({ viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true, colorScheme: "dark" });
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
};
