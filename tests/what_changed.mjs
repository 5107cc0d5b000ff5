// What has changed between two sides, without a picture. Run by node; see test_node.py.
import assert from "node:assert/strict";
import test from "node:test";
import {
  findFlips,
  findTest,
  haveNoneInCommon,
  pairUnits,
  subtractTests,
  whatChanged,
} from "../tensorboard_plugin/tensorboard_plugin_interp/static/comparing/what_changed.js";

const unit = (channel, activation, more = {}) => ({ name: `channel ${channel}`, channel, picture: 0, activation, ...more });
const row = (displacement, half, more = {}) => ({
  target: "3", concept: "tag", contrast: "random", displacement, ci_low: displacement - half, ci_high: displacement + half, ...more,
});
const near = (got, expected) => assert.ok(Math.abs(got - expected) < 1e-12, `${got} is not ${expected}`);

test("units are paired by channel, and those of one side only are there", () => {
  const pairs = pairUnits([unit(1, 2), unit(2, 5)], [unit(3, 1), unit(1, 6)]);
  assert.deepEqual(pairs.map(({ name, change }) => [name, change]), [["channel 3", null], ["channel 1", 4], ["channel 2", null]]);
  assert.equal(pairs[0].before, null);
  assert.equal(pairs[2].after, null);
  assert.equal(pairUnits([unit(1, null)], [unit(1, 2)])[0].change, null, "an unknown number has no difference");
  assert.equal(pairUnits([unit(1, 2)], [{ ...unit(1, 2), channel: 9 }]).length, 2, "one name, two channels");
});

test("a difference has an interval only where the two are independent", () => {
  const [before, after] = [row(1, 0.3), row(2, 0.4)];
  const { change, low, high } = subtractTests(before, after, true);
  near(change, 1);
  near(low, 0.5); // 1 - sqrt(.3^2 + .4^2)
  near(high, 1.5);
  assert.deepEqual(subtractTests(before, after, false), { change: 1, low: null, high: null });
  assert.deepEqual(subtractTests(null, after, true), { change: null, low: null, high: null });
  const skew = subtractTests({ ...before, ci_low: 0.9 }, { ...after, ci_high: 2.1 }, true);
  near(skew.high, 1 + Math.hypot(0.1, 0.1)); // each end with the halves that lead to it
  near(skew.low, 0.5);
  assert.equal(subtractTests({ ...before, ci_low: null }, after, true).low, null);
});

test("tests that move another quantity are others", () => {
  const after = row(2, 0.1, { quantity: "probability" });
  assert.equal(findTest([row(1, 0.1)], after), null);
  assert.equal(findTest([row(1, 0.1, { quantity: "logit" })], row(2, 0.1)).displacement, 1);
});

test("pictures are matched by name, and several classes are compared as a whole", () => {
  const before = { ids: ["a", "b", "c"], predictions: [1, 2, 3] };
  const after = { ids: ["c", "x", "a"], predictions: [3, 5, 7] };
  assert.deepEqual(findFlips(before, after), { flips: [{ before: 0, after: 2, id: "a", was: 1, is: 7 }], common: 2 });
  const several = findFlips({ ids: ["a", "b"], predictions: [[1, 2], [1]] }, { ids: ["a", "b"], predictions: [[1, 2], [2]] });
  assert.deepEqual(several.flips.map(({ id }) => id), ["b"]);
  assert.deepEqual(findFlips(null, after), { flips: [], common: 0 });
  assert.equal(haveNoneInCommon({ ids: ["b"], predictions: [1] }, after), true);
  assert.equal(haveNoneInCommon(before, after), false);
  assert.equal(haveNoneInCommon({ ids: ["b"], predictions: null }, after), false, "numbers are taken for nothing");
  assert.deepEqual(findFlips({ ids: ["a"], predictions: null }, after), { flips: [], common: 0 });
});

test("of each kind the largest changes come first, three at most", () => {
  const place = (kind, layer, before, after) => ({ kind, layer, tag: `${kind}/${layer}`, before, after });
  const units = (values) => ({ units: values.map((value, channel) => unit(channel, value)) });
  const found = whatChanged(
    [
      place("features", "a", units([1, 1, 1, 100]), units([2, 1, 6, 103])), // in a layer of large numbers little
      place("features", "b", units([1, 1]), units([1.5, 0.9])),
      place("groups", "a", { groups: [{ name: "g0", identity: 0, share: 0.5 }, { name: "g1", identity: 1, share: 0.2 }] },
        { groups: [{ name: "g0", identity: 0, share: 0.4 }, { name: "g2", identity: 2, share: 0.3 }] }),
      place("concepts", "a", { tests: [row(1, 0.1), row(0, 0.1, { contrast: "relative" })] },
        { tests: [row(1.2, 0.1), row(3, 0.1, { contrast: "relative" })] }),
    ],
    true,
  );
  assert.deepEqual(
    found.map(({ kind, layer, name, was, is }) => [kind, layer, name, was, is]),
    [
      ["features", "b", "channel 0", 1, 1.5],
      ["features", "b", "channel 1", 1, 0.9],
      ["features", "a", "channel 2", 1, 6],
      ["groups", "a", "g2", null, 0.3],
      ["groups", "a", "g1", 0.2, null],
      ["groups", "a", "g0", 0.5, 0.4],
      ["concepts", "a", "tag → 3", 0, 3],
    ],
  );
  assert.equal(found.find(({ name }) => name === "g1").item, "1", "a group that is gone has a row in the comparison");
  assert.deepEqual(whatChanged([place("groups", "a", { groups: [] }, { groups: [{ name: "g", identity: 0, share: 1 }] })], false), []);
});

test("effects are told where they are sure to differ, by the clearest contrast, and one of two that mirror each other", () => {
  const changes = (before, after) =>
    whatChanged([{ kind: "concepts", layer: "a", tag: "t", before: { tests: before }, after: { tests: after } }], false)
      .map(({ name, contrast, was, is }) => [name, contrast, was, is]);
  assert.deepEqual(changes([row(1, 0.5)], [row(2, 0.6)]), [], "the intervals overlap");
  assert.deepEqual(changes([row(1, 0.3)], [row(2, 0.3)]), [["tag → 3", "random", 1, 2]]);
  assert.deepEqual(changes([row(1, 0.3, { ci_low: null })], [row(9, 0.3)]), [], "of no known width");
  const relative = { contrast: "relative" };
  assert.deepEqual(
    changes([row(1, 0.1, relative), row(1, 0.1)], [row(9, 0.1, relative), row(2, 0.1)]),
    [["tag → 3", "random", 1, 2]],
    "the clearest, though another changed more",
  );
  const tag = { ...relative, against: ["mark"] };
  const mark = { ...relative, concept: "mark", against: ["tag"] };
  const both = [[row(1, 0.1, tag), row(-1, 0.1, mark)], [row(-2, 0.1, tag), row(2, 0.1, mark)]];
  assert.deepEqual(changes(...both), [["mark → 3", "relative", -1, 2]], "only the one that rises");
  assert.deepEqual(changes([row(1, 0.1, { ...tag, against: ["dot"] })], [row(9, 0.1, tag)]), [], "against something else");
});

test("what did not change is not told, nor a unit that was never drawn", () => {
  const silent = { units: [unit(0, 5, { status: "did not activate" })] };
  const other = { units: [unit(0, 9, { status: "did not activate" })] };
  assert.deepEqual(whatChanged([{ kind: "features", layer: "a", tag: "t", before: silent, after: other }], true), []);
  const same = { units: [unit(0, 5)] };
  assert.deepEqual(whatChanged([{ kind: "features", layer: "a", tag: "t", before: same, after: same }], true), []);
});
