// What the server says of all runs, in few words. Run by node; see test_node.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import { RunList } from "../tensorboard_plugin/tensorboard_plugin_interp/static/asking/run_list.js";
import { chooseRun } from "../tensorboard_plugin/tensorboard_plugin_interp/static/model.js";

const about = { kind: "groups", layer: "conv", variant: "8" };
const known = { ...about, steps: [1, 2], written: [10, 20], last_step: 2, wall_time: 20 };
const answer = (/** @type {object} */ brief) => JSON.stringify({ runs: { b: { "groups:8/conv": known } }, tags: { "groups:8/conv": about }, brief });

test("what is said in few words is the same as in many, whatever a run is called", () => {
  const runs = new RunList().read('{"runs": {}, "tags": {"g": {"kind": "k", "layer": "l", "variant": ""}}, "brief": {"__proto__": {"g": [3, 7.5]}}}');
  assert.deepEqual(Object.keys(runs), ["__proto__"]);
  const series = { kind: "k", layer: "l", variant: "", steps: null, last_step: 3, wall_time: 7.5 };
  assert.deepEqual(Object.entries(runs)[0][1], { g: series });
  assert.deepEqual(new RunList().read(JSON.stringify({ runs: { b: { "groups:8/conv": known } } })), { b: { "groups:8/conv": known } });
});

test("the same answer is the same object, so that nothing is drawn again; another one is not", () => {
  const list = new RunList();
  const first = list.read(answer({ a: { "groups:8/conv": [1, 5] } }));
  const other = list.read(answer({ a: { "groups:8/conv": [2, 6] } }));
  assert.notEqual(first, other);
  assert.equal(list.read(answer({ a: { "groups:8/conv": [1, 5] } })), first, "asked in between for a run to compare with");
});

test("when the last step of another run was written is known, of its other steps it is not", () => {
  const list = new RunList();
  assert.equal(list.lastTime("a", "groups:8/conv", 1), undefined);
  list.read(answer({ a: { "groups:8/conv": [1, 5] } }));
  assert.equal(list.lastTime("a", "groups:8/conv", 1), 5);
  assert.equal(list.lastTime("a", "groups:8/conv", 0), undefined);
  assert.equal(list.lastTime("a", "features/conv", 1), undefined);
});

test("of runs written at one moment the tab takes the one that the server takes", () => {
  const runs = Object.fromEntries(["b", "B", "a2", "a10"].map((name) => [name, { "groups:8/conv": known }]));
  assert.equal(chooseRun(runs, "", ""), "B", "by letters as they are, and not as a person sorts them");
  assert.equal(chooseRun({ ...runs, z: { "groups:8/conv": { ...known, wall_time: 21 } } }, "", ""), "z");
});
