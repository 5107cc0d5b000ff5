// Which units, groups and pictures are shown, in which order, on which page. Run by node; see test_node.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import { arrangeGroups } from "../tensorboard_plugin/tensorboard_plugin_interp/static/arranging/group_order.js";
import { groupByFolder, lineOf } from "../tensorboard_plugin/tensorboard_plugin_interp/static/arranging/layer_tree.js";
import { pageNumbers, pageOf, readPage, writePage } from "../tensorboard_plugin/tensorboard_plugin_interp/static/arranging/pages.js";
import { classesOf, filterPictures } from "../tensorboard_plugin/tensorboard_plugin_interp/static/arranging/picture_filter.js";
import { arrangeUnits, largestFirst } from "../tensorboard_plugin/tensorboard_plugin_interp/static/arranging/unit_order.js";

const unit = (name, activation, probe_max, more = {}) => ({ name, channel: 0, picture: 0, activation, probe_max, status: "ok", ...more });
const UNITS = [
  unit("edge 1", 2, 4), // half of the best
  unit("edge 10", 6, 2), // three times
  unit("blob", null, 5, { status: "did not activate: 0 after 9 steps" }),
  unit("eye", 5, 5, { probe_mean: 5 }), // the same for every picture
];
const names = (units) => units.map(({ name }) => name);

test("units come in the order that is asked for, unknown values last", () => {
  assert.deepEqual(names(arrangeUnits(UNITS, {})), ["edge 1", "edge 10", "blob", "eye"]);
  assert.deepEqual(names(arrangeUnits(UNITS, { order: "activation" })), ["edge 10", "eye", "edge 1", "blob"]);
  assert.deepEqual(names(arrangeUnits(UNITS, { order: "share" })), ["edge 10", "eye", "edge 1", "blob"]);
  assert.deepEqual(names(arrangeUnits(UNITS, { order: "of a later version" })), names(UNITS));
});

test("change is that of the share since the first step, either way, of the unit of the same name", () => {
  const first = [unit("eye", 20, 5), unit("edge 10", 5, 2), unit("edge 1", 1, 4, { channel: 7 })];
  // eye 4 -> 1, edge 10 2.5 -> 3, edge 1 is another channel
  assert.deepEqual(names(arrangeUnits(UNITS, { order: "change" }, first)), ["eye", "edge 10", "edge 1", "blob"]);
});

test("units are filtered by what became of them, and by name", () => {
  assert.deepEqual(names(arrangeUnits(UNITS, { state: "silent" })), ["blob"]);
  assert.deepEqual(names(arrangeUnits(UNITS, { state: "below" })), ["edge 1"]);
  assert.deepEqual(names(arrangeUnits(UNITS, { state: "dead" })), ["eye"]);
  assert.deepEqual(names(arrangeUnits(UNITS, { text: "^edge 1$" })), ["edge 1"]);
  assert.deepEqual(names(arrangeUnits(UNITS, { text: "EDGE", order: "share" })), ["edge 10", "edge 1"]);
  assert.deepEqual(names(arrangeUnits(UNITS, { text: "(" })), []);
  assert.deepEqual(names(arrangeUnits(UNITS, { text: "2" })), [], "a place is no name");
});

test("equal values keep their order, and NaN is not known", () => {
  assert.deepEqual(largestFirst([1, NaN, 2, 1, null, 2]), [2, 5, 0, 3, 1, 4]);
});

test("groups are ordered and filtered, in the places that they keep", () => {
  const groups = [
    { name: "a", share: 0.1, effects: { cat: -3, dog: 1 }, total_drift: 0.2 },
    { name: "b", share: 0.5, effects: { cat: 2 }, total_drift: null },
    { name: "c", share: 0.2, total_drift: 0.9 },
  ];
  const called = ["stripes", "b", "striped"];
  assert.deepEqual(arrangeGroups(groups, [2, 0, 1], called, {}), [2, 0, 1]);
  assert.deepEqual(arrangeGroups(groups, [2, 0, 1], called, { order: "share" }), [1, 2, 0]);
  assert.deepEqual(arrangeGroups(groups, [2, 0, 1], called, { order: "effect" }), [0, 1, 2]);
  assert.deepEqual(arrangeGroups(groups, [2, 0, 1], called, { order: "change", text: "stripe" }), [2, 0]);
});

test("pictures are filtered by outcome, class and name", () => {
  const pictures = [
    { name: "one.png", right: true, labels: ["cat"], predictions: ["cat"] },
    { name: "two.png", right: false, labels: ["cat"], predictions: ["dog"] },
    { name: "three.png", right: null, labels: [], predictions: ["class 10"] },
    { name: "four.png", right: false, labels: ["class 2", "cat"], predictions: [] },
  ];
  assert.deepEqual(classesOf(pictures), ["cat", "class 2", "class 10", "dog"]);
  assert.deepEqual(filterPictures(pictures, {}), [0, 1, 2, 3]);
  assert.deepEqual(filterPictures(pictures, { outcome: "right" }), [0]);
  assert.deepEqual(filterPictures(pictures, { outcome: "wrong" }), [1, 3], "what is not known is not wrong");
  assert.deepEqual(filterPictures(pictures, { label: "cat" }), [0, 1, 3]);
  assert.deepEqual(filterPictures(pictures, { label: "cat", outcome: "wrong", text: "^t" }), [1]);
});

test("pages hold what there is, and a page that is gone becomes the last", () => {
  assert.deepEqual(pageOf(1000, 1), { page: 1, pages: 21, from: 0, to: 48 });
  assert.deepEqual(pageOf(1000, 21), { page: 21, pages: 21, from: 960, to: 1000 });
  assert.deepEqual(pageOf(100, 99), { page: 3, pages: 3, from: 96, to: 100 });
  assert.deepEqual(pageOf(0, 3), { page: 1, pages: 1, from: 0, to: 0 });
  assert.equal(pageOf(96, 3).pages, 2);
  const seen = Array.from({ length: 21 }, (_, page) => pageOf(1000, page + 1)).flatMap(({ from, to }) => Array.from({ length: to - from }, (_, at) => from + at));
  assert.deepEqual(seen, Array.from({ length: 1000 }, (_, at) => at), "each thing is on one page");
});

test("page numbers are few, and lead to both ends", () => {
  assert.deepEqual(pageNumbers(1, 3), [1, 2, 3]);
  assert.deepEqual(pageNumbers(1, 21), [1, 2, 3, 4, 5, null, 21]);
  assert.deepEqual(pageNumbers(10, 21), [1, null, 9, 10, 11, null, 21]);
  assert.deepEqual(pageNumbers(21, 21), [1, null, 17, 18, 19, 20, 21]);
});

test("the address says the pages that are not the first, and one that was broken by hand says none", () => {
  const said = writePage(writePage("", "features/a", 3), "features/b", 2);
  assert.equal(readPage(said, "features/a"), 3);
  assert.equal(readPage(said, "features/c"), 1);
  assert.equal(writePage(writePage(said, "features/a", 1), "features/b", 1), "");
  for (const broken of ["{", "null", "7", '{"a": "2"}', "[3]"]) assert.equal(readPage(broken, "a"), 1);
});

test("layers with paths are grouped by folder, and flat names stay flat", () => {
  assert.deepEqual(groupByFolder(["", "a/b/conv", "a/b/relu", "a/c/conv", "stem"]), {
    alone: ["", "a/c/conv", "stem"],
    groups: [["a/b", [["a/b/conv", "conv"], ["a/b/relu", "relu"]]]],
  });
  assert.deepEqual(groupByFolder(["conv1", "conv2"]), { alone: ["conv1", "conv2"], groups: [] });
});

test("a long list opens the folders that the name above is not in", () => {
  assert.deepEqual(lineOf("a/b/conv", ""), { headings: [{ text: "a", depth: 0 }, { text: "b", depth: 1 }], text: "conv", depth: 2 });
  assert.deepEqual(lineOf("a/b/relu", "a/b/conv"), { headings: [], text: "relu", depth: 2 });
  assert.deepEqual(lineOf("a/c/conv", "a/b/relu").headings, [{ text: "c", depth: 1 }]);
  assert.deepEqual(lineOf("b/b/conv", "a/b/conv").headings, [{ text: "b", depth: 0 }, { text: "b", depth: 1 }]);
  assert.deepEqual(lineOf("stem", "a/b/conv"), { headings: [], text: "stem", depth: 0 });
});
