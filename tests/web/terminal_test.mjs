// The parts of the terminal's page that need no browser: `node --test`, with CFPIPE_BUILD_DIR set.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const { build } = await import(pathToFileURL(join(process.env.CFPIPE_BUILD_DIR, "terminal/node_modules/esbuild/lib/main.js")));
const source = join(dirname(fileURLToPath(import.meta.url)), "../../edge/web/terminal");
const place = mkdtempSync(join(tmpdir(), "cfpipe-web-"));
after(() => rmSync(place, { recursive: true }));

async function part(name) {
  const outfile = join(place, `${name}.mjs`);
  await build({ entryPoints: [join(source, `${name}.ts`)], outfile, bundle: true, format: "esm", logLevel: "error" });
  return import(pathToFileURL(outfile));
}

const wire = await part("wire");
const { Outbox, PART_BYTES, WINDOW_BYTES } = await part("outbox");
const saved = await part("saved");
const settings = await part("settings");
const themes = await part("themes");
const packets = await part("packets");
const { characterWith, keyWith } = await part("keys");

/** As a browser has it, with room for so many characters. */
class Storage {
  constructor(room = Infinity) {
    this.room = room;
    this.items = new Map();
  }
  getItem(key) {
    return this.items.get(key) ?? null;
  }
  removeItem(key) {
    this.items.delete(key);
  }
  setItem(key, text) {
    if (text.length > this.room) throw new Error("QuotaExceededError");
    this.items.set(key, text);
  }
}

test("frames are the same however the stream is cut", () => {
  const stream = Buffer.concat([wire.encodeJson("e", { event: "open" }), wire.encode("o", new Uint8Array(300)),
    wire.encode("o", new Uint8Array(0))]);
  for (let cut = 0; cut <= stream.length; ++cut) {
    const reader = new wire.FrameReader();
    const frames = [...reader.feed(stream.subarray(0, cut)), ...reader.feed(stream.subarray(cut))];
    assert.deepEqual(frames.map((frame) => [frame.kind, frame.payload.length]), [["e", 16], ["o", 300], ["o", 0]], `${cut}`);
    assert.deepEqual(wire.readJson(frames[0].payload), { event: "open" });
  }
});

test("a frame of a size that cannot be is refused", () => {
  const reader = new wire.FrameReader();
  assert.equal(reader.feed(wire.encode("o", new Uint8Array(wire.MAX_FRAME_BYTES))).length, 1);
  const head = wire.encode("o", new Uint8Array(wire.MAX_FRAME_BYTES + 1)).subarray(0, 5);
  assert.throws(() => reader.feed(head), /too large/);
});

test("no more input is under way than there is room for", () => {
  const sent = [];
  const outbox = new Outbox((bytes) => sent.push(...bytes));
  const paste = Uint8Array.from({ length: 3 * WINDOW_BYTES + 7 }, (_, at) => at % 251);
  outbox.add(paste);
  assert.equal(sent.length, WINDOW_BYTES);
  outbox.confirm(PART_BYTES - 1);
  assert.equal(sent.length, WINDOW_BYTES, "not yet room for another part");
  outbox.confirm(PART_BYTES);
  assert.equal(sent.length, WINDOW_BYTES + PART_BYTES);
  while (sent.length < paste.length) outbox.confirm(sent.length);
  assert.deepEqual(Uint8Array.from(sent), paste, "all of it, in order");
});

test("packets of SFTP are the same however the stream is cut", () => {
  const { REPLY, Reader, PacketReader, Writer } = packets;
  const data = new Writer().number32(7).string("a".repeat(300)).packet(REPLY.data);
  const attributes = new Writer().number32(8).number32(0x8000000d).number64(5e9).number32(0o100644).number64(0).number32(1).string("x").string("y")
    .packet(REPLY.attrs);
  const stream = Buffer.concat([data, attributes]);
  for (let cut = 0; cut <= stream.length; ++cut) {
    const reader = new PacketReader();
    const [first, second, ...more] = [...reader.feed(stream.subarray(0, cut)), ...reader.feed(stream.subarray(cut))];
    assert.equal(more.length, 0);
    const one = new Reader(first);
    assert.deepEqual([one.number8(), one.number32(), one.string().length, one.left], [REPLY.data, 7, 300, 0], `${cut}`);
    const other = new Reader(second);
    assert.deepEqual([other.number8(), other.number32()], [REPLY.attrs, 8]);
    assert.deepEqual(other.attributes(), { size: 5e9, permissions: 0o644, kind: "file" });
  }
});

test("what is no packet of SFTP is refused, and nothing is read beyond one", () => {
  const { Reader, PacketReader, Writer, MAX_PACKET_BYTES } = packets;
  for (const length of [0, MAX_PACKET_BYTES + 1, 0xffffffff])
    assert.throws(() => new PacketReader().feed(new Writer().number32(length).packet(0).subarray(5)), RangeError, `${length}`);
  const promised = new Writer().number32(1000).packet(0).subarray(5);  // a string's length without the string
  assert.throws(() => new Reader(promised).string(), RangeError);
  assert.throws(() => new Reader(promised.subarray(0, 3)).number32(), RangeError);
  const pairs = new Writer().number32(0x80000000).number32(0xffffffff).packet(0).subarray(5);
  assert.throws(() => new Reader(pairs).attributes(), RangeError, "more attributes than there are");
});

test("what a page leaves is taken back once, while it is young", () => {
  const storage = new Storage();
  const left = { application: "vm/a", session: "s", user: "ann", position: 7, screen: "text", time: 1000 };
  saved.keep(storage, left);
  assert.deepEqual(saved.takeBack(storage, 2000, "vm/a"), left);
  assert.equal(saved.takeBack(storage, 2000, "vm/a"), undefined);
  saved.keep(storage, left);
  assert.equal(saved.takeBack(storage, 2000, "vm/b"), undefined, "another application's");
  saved.keep(storage, left);
  assert.equal(saved.takeBack(storage, 1000 + saved.MAX_AGE_MS, "vm/a"), undefined);
  storage.setItem("cfpipe-terminal", "{");
  assert.equal(saved.takeBack(storage, 0, "vm/a"), undefined);
});

test("a screen that is too large is left to the edge", () => {
  const storage = new Storage();
  const left = { application: "vm/a", session: "s", user: "ann", position: 7, screen: "x".repeat(saved.MAX_SCREEN_CHARS + 1), time: 0 };
  saved.keep(storage, left);
  assert.deepEqual(saved.takeBack(storage, 0, "vm/a"), { ...left, screen: "" });
  saved.keep(new Storage(10), left);  // and where there is no room at all, nothing is kept
});

test("settings are within bounds, whatever is stored", () => {
  const storage = new Storage();
  const usual = { fontSize: 15, font: "", theme: "", copy: false, reader: false, hiddenHostKeys: [] };
  assert.deepEqual(settings.load(storage), usual);
  for (const [stored, size] of [["7", 15], ['{"fontSize":1}', settings.SMALLEST], ['{"fontSize":1e9}', settings.LARGEST],
    ['{"fontSize":"x","copy":1,"hiddenHostKeys":"all"}', 15], ["{", 15], ["null", 15]]) {
    storage.setItem("cfpipe-terminal-settings", stored);
    assert.deepEqual(settings.load(storage), { ...usual, fontSize: size }, stored);
  }
  const chosen = { fontSize: 20, font: "Hack", theme: "dracula", copy: true, reader: true, hiddenHostKeys: ["SHA256:a"] };
  settings.save(storage, chosen);
  assert.deepEqual(settings.load(storage), chosen);
  const keys = Array.from({ length: 20 }, (_, at) => `SHA256:${at}`);
  assert.deepEqual(settings.clean({ ...chosen, hiddenHostKeys: keys }).hiddenHostKeys, keys.slice(4), "the newest");
  for (const name of ["no-such-theme", "__proto__", "constructor", ""]) {
    assert.equal(themes.schemeOf(name, "dark").brightness, "dark", name);
    assert.equal(themes.schemeOf(name, "light").brightness, "light", name);
  }
});

/** What programs on the host take for a key: ncurses' own description of the terminal that we say we are. */
function terminfo() {
  const text = execFileSync("infocmp", ["-1", "-x", "xterm-256color"], { encoding: "utf8" });
  const found = new Map();
  for (const [, name, sequence] of text.matchAll(/^\t(\w+)=(.*),$/gm))
    found.set(name, sequence.replaceAll("\\E", "\x1b"));
  return found;
}

const FREE = { shift: false, alt: false, control: false };

test("keys send what ncurses knows them by, once a program has asked for them", () => {
  const known = terminfo();
  assert.equal(known.get("smkx"), "\x1b[?1h\x1b=", "the mode is DECCKM");
  const names = { up: "kcuu1", down: "kcud1", left: "kcub1", right: "kcuf1", home: "khome", end: "kend", insert: "kich1",
    delete: "kdch1", pageup: "kpp", pagedown: "knp" };
  for (let n = 1; n <= 12; ++n) names[`f${n}`] = `kf${n}`;
  for (const [key, name] of Object.entries(names)) assert.equal(keyWith(key, FREE, true), known.get(name), key);
  assert.equal(keyWith("tab", { ...FREE, shift: true }, true), known.get("kcbt"));
});

test("keys with others held send what ncurses knows, in either mode", () => {
  const known = terminfo();
  const names = { up: "kUP", down: "kDN", left: "kLFT", right: "kRIT", home: "kHOM", end: "kEND", insert: "kIC", delete: "kDC",
    pageup: "kPRV", pagedown: "kNXT" };
  const held = { 3: ["alt"], 4: ["alt", "shift"], 5: ["control"], 6: ["control", "shift"], 7: ["control", "alt"] };
  for (const [key, name] of Object.entries(names)) {
    for (const [number, keys] of Object.entries(held)) {
      const all = { ...FREE, ...Object.fromEntries(keys.map((one) => [one, true])) };
      for (const mode of [false, true]) assert.equal(keyWith(key, all, mode), known.get(name + number), `${name}${number}`);
    }
  }
  // ncurses counts on: F13 is F1 with shift, F25 with control.
  for (let n = 1; n <= 12; ++n) {
    assert.equal(keyWith(`f${n}`, { ...FREE, shift: true }, false), known.get(`kf${12 + n}`));
    assert.equal(keyWith(`f${n}`, { ...FREE, control: true }, false), known.get(`kf${24 + n}`));
  }
});

test("the cursor's keys are the shell's where no program has asked for others", () => {
  for (const [key, letter] of Object.entries({ up: "A", down: "B", right: "C", left: "D", home: "H", end: "F" }))
    assert.equal(keyWith(key, FREE, false), `\x1b[${letter}`);
  assert.equal(keyWith("f1", FREE, false), "\x1bOP", "whatever the mode");
  assert.equal(keyWith("escape", FREE, true), "\x1b");
  assert.equal(keyWith("tab", FREE, true), "\t");
  assert.equal(keyWith("bar", FREE, true), undefined);
});

test("one character is what the keys that are held make of it", () => {
  const control = { ...FREE, control: true };
  // Of ASCII, the C0 control that stands in the same row (ECMA-48), and what xterm sends for digits and signs.
  for (const [text, sent] of [["c", "\x03"], ["C", "\x03"], ["[", "\x1b"], ["\\", "\x1c"], ["]", "\x1d"], ["^", "\x1e"], ["_", "\x1f"],
    ["|", "\x1c"], [" ", "\0"], ["@", "\0"], ["/", "\x1f"], ["?", "\x7f"], ["2", "\0"], ["3", "\x1b"], ["7", "\x1f"], ["8", "\x7f"],
    ["\x7f", "\b"], ["-", "-"], ["1", "1"], ["\r", "\r"], ["ä", "ä"]]) assert.equal(characterWith(text, control), sent, text);
  assert.equal(characterWith("b", { ...FREE, alt: true }), "\x1bb");
  assert.equal(characterWith("c", { ...control, alt: true }), "\x1b\x03");
  assert.equal(characterWith("ä", { ...FREE, shift: true }), "Ä");
  for (const text of ["", "\x1b[1;1R", "two words"]) assert.equal(characterWith(text, { ...control, alt: true }), text);
});
