// How numbers are written: at one place, with a minus and not a hyphen. Run by node; see test_node.py.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import test from "node:test";
import { decimals, duration, number, pValue, percent, plural, signed, together, whole } from "../tensorboard_plugin/tensorboard_plugin_interp/static/format.js";

const STATIC = new URL("../tensorboard_plugin/tensorboard_plugin_interp/static/", import.meta.url);
const VALUES = [-2e9, -1234, -99.96, -12.345, -1, -0.5, -0.0512, -0.004, -1e-3, -3e-7, -0, 0, 3e-7, 0.07, 1, 999, 1e9];

test("no number has a hyphen in place of its minus, and no zero a sign", () => {
  for (const value of VALUES)
    for (const say of [number, signed, percent, pValue, whole, (one) => decimals(one, 2), (one) => together([one, 0.3])[0]]) {
      const text = say(value);
      assert.ok(!text.includes("-"), `${value} is written ${text}`);
      if (!/[1-9]/.test(text)) assert.ok(!/[+\u2212]/.test(text), `${value} is written ${text}`);
      else if (value < 0) assert.ok(text.startsWith("\u2212"), `${value} is written ${text}`);
    }
  assert.deepEqual([percent(-0.05), percent(-0.5), percent(12.3), percent(0)], ["\u22125.0 %", "\u221250 %", "1,230 %", "0 %"]);
  assert.equal(pValue(1.234e-7), "1.2e\u22127");
  assert.equal(decimals(-0.001, 2), "0.00");
});

test("one of a thing is one, and many are written with their commas", () => {
  assert.deepEqual([plural(1, "picture"), plural(0, "picture"), plural(1200, "class", "classes")], ["1 picture", "0 pictures", "1,200 classes"]);
  assert.equal(duration(0.05), "50 ms");
});

test("nothing of the front end writes a number on a road of its own", () => {
  const files = readdirSync(STATIC, { recursive: true }).map((name) => String(name).replaceAll("\\", "/"));
  const own = files.filter((name) => name.endsWith(".js") && !name.startsWith("vendor/") && name !== "format.js");
  assert.ok(own.length > 50);
  const found = own.flatMap((name) =>
    readFileSync(new URL(name, STATIC), "utf8")
      .split("\n")
      .filter((line) => /\.to(Fixed|Precision|Exponential|LocaleString)\(|Intl\./.test(line) && !line.includes("dateStyle"))
      .map((line) => `${name}: ${line.trim()}`),
  );
  assert.deepEqual(found, []);
  const counted = own.flatMap((name) =>
    (readFileSync(new URL(name, STATIC), "utf8").match(/\$\{[\w.]*\.(?:length|count|size)(?: - \w+)?\} (?!of |\$)[a-z]+s\b/g) ?? []).map((text) => `${name}: ${text}`),
  );
  assert.deepEqual(counted, [], "how many there are is said by plural()");
});
