// The colours of the pages: what is read has a contrast of 4.5 to 1 (WCAG 2.2, 1.4.3), what is only seen, such as the edge of a
// field and the ring of the focus, 3 to 1 (1.4.11), light and dark. `node --test`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const web = new URL("../../edge/web/", import.meta.url);
const SHEETS = ["style.css", "dashboard.css", "terminal/terminal.css"];
/** What is read in a colour, on which others. */
const READ = { ink: ["paper", "bar", "notice"], soft: ["paper", "bar"], accent: ["paper", "bar"], bad: ["paper", "bar"], good: ["paper", "bar"],
  warn: ["paper", "bar"], "on-accent": ["accent"], "on-bad": ["bad"] };
const SEEN = { soft: ["paper"], accent: ["paper", "bar"], focus: ["paper", "bar"], warn: ["notice"], good: ["bar"], bad: ["bar"] };

/** The colours that a sheet names, light, and dark where they differ: in a block of their own, or by light-dark(). */
function palettes(name) {
  const text = readFileSync(new URL(name, web), "utf8");
  const named = ([, block], at) => Object.fromEntries([...block.matchAll(/--([\w-]+): (?:light-dark\()?(#[0-9a-f]{6})(?:, (#[0-9a-f]{6})\))?;/g)]
    .map(([, key, one, other]) => [key, at === 1 && other ? other : one]));
  const blocks = [...text.matchAll(/:root \{([^}]*)\}/g)];
  return { text, light: named(blocks[0], 0), dark: { ...named(blocks[0], 1), ...(blocks[1] && named(blocks[1], 1)) } };
}

/** WCAG's relative luminance of #rrggbb. */
function luminance(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

test("contrast is WCAG's", () => {
  assert.equal(contrast("#000000", "#ffffff"), 21);
  assert.ok(Math.abs(contrast("#767676", "#ffffff") - 4.54) < 0.01, "the least grey that can be read on white");
});

for (const sheet of SHEETS) {
  test(`${sheet} has colours that can be told apart`, () => {
    const { text, light, dark } = palettes(sheet);
    assert.ok(light.paper && dark.paper && light.paper !== dark.paper);
    for (const [scheme, colours] of Object.entries({ light, dark })) {
      for (const [table, least] of [[READ, 4.5], [SEEN, 3]]) {
        for (const [front, backs] of Object.entries(table)) {
          for (const back of backs.filter((one) => colours[front] && colours[one])) {
            const found = contrast(colours[front], colours[back]);
            assert.ok(found >= least, `${scheme}: ${front} on ${back} is ${found.toFixed(2)} to 1, not ${least}`);
          }
        }
      }
      for (const name of Object.keys(colours)) {
        if (["paper", "bar", "line", "notice"].includes(name)) continue;
        assert.ok(name in READ || name in SEEN, `--${name} is looked at by nothing here`);
      }
    }
    // Colours outside the palettes are not checked above; the system's GrayText has too little contrast for text.
    const rules = text.replace(/:root \{[^}]*\}/g, "");
    assert.doesNotMatch(rules, /#[0-9a-f]{3,8}\b(?=[^{]*;)|GrayText|Canvas/i);
  });
}
