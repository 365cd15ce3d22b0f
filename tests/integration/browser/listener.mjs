// A page that knows the ports of two listeners, and tries what a page may.
import assert from "node:assert/strict";

const post = (page, port, line) => page.evaluate(([where, body]) =>
  fetch(where, { method: "POST", mode: "no-cors", body: `\r\n${body}\r\n` }).then(() => "sent", (error) => error.message),
[`http://127.0.0.1:${port}/`, line]);

const open = (page, port) => page.evaluate((where) => new Promise((resolve) => {
  try {
    const socket = new WebSocket(where);
    socket.onerror = () => resolve("closed");
    socket.onclose = () => resolve("closed");
  } catch (error) {
    resolve(error.name);
  }
}), `ws://127.0.0.1:${port}/`);

export default async ({ settings, ask, newPage }) => {
  const page = await newPage();
  page.expected = /40[04]|ERR_UNSAFE_PORT|WebSocket|Failed to load/;
  await page.goto(settings.page);
  assert.equal(await post(page, settings.usual, settings.line), "sent");
  const [first] = await ask("arrived");
  assert.ok(first.startsWith("POST / HTTP/1.1\r\n"), first);
  assert.ok(first.includes(settings.line), first);

  const before = (await ask("arrived")).length;
  assert.notEqual(await post(page, settings.blocked, settings.line), "sent");
  await open(page, settings.blocked);
  await assert.rejects(page.goto(`http://127.0.0.1:${settings.blocked}/`), /ERR_UNSAFE_PORT/);
  assert.equal((await ask("arrived")).length, before, "nothing has come through the other port");
};
