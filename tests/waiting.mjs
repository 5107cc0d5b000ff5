// In which order the tab asks: what is seen first. Run by node; see test_node.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { WaitingLine } from "../tensorboard_plugin/tensorboard_plugin_interp/static/asking/waiting_line.js";

const begin = () => {
  const asked = [];
  const answers = new Map();
  const ask = (name) => () => {
    asked.push(name);
    return new Promise((resolve, reject) => answers.set(name, { resolve, reject }));
  };
  return { line: new WaitingLine(), asked, answers, ask };
};

test("nothing of the line is asked while something that is seen is under way, not even in the moment after it", async () => {
  const { line, asked, answers, ask } = begin();
  line.first(ask("record")());
  const curve = line.later(1, ask("curve"));
  await wait(60);
  assert.deepEqual(asked, ["record"]);
  answers.get("record").resolve();
  await wait(1);
  line.first(ask("picture")()); // which the record names
  await wait(60);
  assert.deepEqual(asked, ["record", "picture"]);
  answers.get("picture").reject(new Error("gone"));
  await wait(60);
  assert.deepEqual(asked, ["record", "picture", "curve"]);
  answers.get("curve").resolve(7);
  assert.equal(await curve, 7);
});

test("lower ranks go first, two at a time, and what is not wanted any more is not asked", async () => {
  const { line, asked, answers, ask } = begin();
  for (const name of ["next 1", "next 2", "next 3"]) line.later(2, ask(name));
  const failed = line.later(1, ask("curve"));
  await wait(60);
  assert.deepEqual(asked, ["curve", "next 1"]);
  answers.get("curve").reject(new Error("no answer"));
  await assert.rejects(failed, /no answer/);
  await wait(60);
  assert.deepEqual(asked, ["curve", "next 1", "next 2"]);
  line.drop(2);
  answers.get("next 1").resolve();
  answers.get("next 2").resolve();
  await wait(60);
  assert.deepEqual(asked, ["curve", "next 1", "next 2"]);
});
