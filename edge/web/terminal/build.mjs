// Makes terminal.js and terminal.css, each also compressed, and the C++ file that takes them into the program:
// `node build.mjs` in a directory with this one's files and its packages installed.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const FILES = ["terminal.js", "terminal.css"];

execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "."], { stdio: "inherit" });
await build({
  entryPoints: { terminal: "main.ts" },
  outdir: "out",
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  legalComments: "inline",
  logLevel: "warning",
});

let data = "";
let table = "";
for (const file of FILES) {
  const plain = readFileSync(`out/${file}`);
  const gzip = gzipSync(plain, { level: 9 });
  writeFileSync(`out/${file}.gz`, gzip);
  const version = createHash("sha256").update(plain).digest("hex").slice(0, 16);
  const symbol = `cfpipe_${file.replace(".", "_")}`;
  for (const [name, path] of [[symbol, `out/${file}`], [`${symbol}_gz`, `out/${file}.gz`]])
    data += `asm(".pushsection .rodata\\n${name}_begin: .incbin \\"${resolve(path)}\\"\\n${name}_end: .byte 0\\n.popsection\\n");
extern "C" __attribute__((visibility("hidden"))) const char ${name}_begin[], ${name}_end[];\n`;
  table += `  if (name == "${file}")
    return TerminalFile{between(${symbol}_begin, ${symbol}_end), between(${symbol}_gz_begin, ${symbol}_gz_end), "${version}"};\n`;
}
writeFileSync("out/terminal_bundle.cc", `#include "edge/http/terminal_bundle.h"

${data}
namespace cfpipe::edge {
namespace {

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace

std::optional<TerminalFile> terminal_file(std::string_view name) {
${table}  return std::nullopt;
}

bool has_terminal() {
  return true;
}

}  // namespace cfpipe::edge
`);
