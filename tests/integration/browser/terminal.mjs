// A shell in the browser from the sign-in to its exit.
import assert from "node:assert/strict";

export default async ({ settings, ask, newPage, signIn, state, shows, screen, type, violations, screenshot }) => {
  const page = await newPage({ colorScheme: "dark", permissions: ["clipboard-read", "clipboard-write"] });
  await signIn(page, settings.url, settings.email);
  await state(page, "open");
  assert.equal(await page.textContent("#state-text"), `Connected as ${settings.user}`);
  assert.match(await page.textContent("#host-key"), /New host key, recorded now: SHA256:/);
  await type(page, "PS1='$ '; clear");
  await shows(page, /^\$ ?$/m);

  await type(page, "tput cols; echo ok");
  const [, columns] = await shows(page, /^(\d+)\nok$/m);
  await page.setViewportSize({ width: 700, height: 600 });
  await type(page, "clear; tput cols; echo o''kay");
  const [, fewer] = await shows(page, /^(\d+)\nokay$/m);
  assert.ok(Number(fewer) < Number(columns), `${fewer} of ${columns}`);

  await type(page, String.raw`clear; printf '\303\244\346\274\242|\n'`);
  await shows(page, /^ä漢\|$/m);
  await type(page, String.raw`clear; printf '\033[38;5;208mamber\033[0m \033[38;2;10;200;30mgreen\033[0m\n'; ls --color=always -d /bin /etc /home /usr; uptime`);
  await shows(page, /^amber green$/m);
  await shows(page, /load average/);
  const colours = await page.locator(".xterm-rows span", { hasText: /^(amber|green)$/ }).evaluateAll(
    (spans) => spans.map((span) => getComputedStyle(span).color));
  assert.equal(new Set(colours).size, 2, `${colours}`);
  await screenshot(page, "terminal-dark");
  assert.deepEqual(await violations(page), []);

  // A paste of many lines stays a paste, for a shell that has asked to be told.
  await type(page, "clear; PS1='in''side> ' bash --norc");
  await shows(page, /^inside>/m);
  await page.evaluate(() => navigator.clipboard.writeText("echo first\necho second\n"));
  await page.keyboard.press("Control+Shift+V");
  await shows(page, /echo second/);
  assert.doesNotMatch(await screen(page), /^first$/m);
  await page.keyboard.press("Enter");
  await shows(page, /^first\nsecond$/m);
  await type(page, "exit");

  // A flood does not outlive its Ctrl-C.
  await type(page, "clear; yes");
  await shows(page, /y\ny\ny\n/);
  await page.keyboard.press("Control+C");
  await type(page, "clear; echo still he''re");
  await shows(page, /^still here$/m);

  // Loading the page again changes nothing.
  await type(page, "clear; MARK=kept; echo be''fore");
  await shows(page, /^before$/m);
  await page.reload();
  await state(page, "open");
  await shows(page, /^before$/m);
  await type(page, "echo $MARK");
  await shows(page, /^kept$/m);

  await page.emulateMedia({ colorScheme: "light" });
  await screenshot(page, "terminal-light");
  assert.deepEqual(await violations(page), []);

  await type(page, "exit 3");
  await state(page, "ended");
  assert.match(await page.textContent("#panel-text"), /has ended with status 3\.$/);
  await screenshot(page, "terminal-ended");
  assert.deepEqual(await violations(page), []);

  // One click, or Enter, and there is another.
  await page.keyboard.press("Enter");
  await state(page, "open");
  await type(page, "echo new she''ll");
  await shows(page, /^new shell$/m);

  page.expected = /status of 401/;  // the page asks whether the sign-in is good still
  await ask("revoke");
  await state(page, "ended");
  assert.equal(await page.textContent("#panel-text"), "This session was ended: access was revoked.");
};
