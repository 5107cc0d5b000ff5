// What differs between two dictionaries of one picture, without a picture. Run by node; see test_node.py.
import assert from "node:assert/strict";
import test from "node:test";
import { changesOf, findPicture, pairWords } from "../tensorboard_plugin/tensorboard_plugin_interp/static/dictionary/dictionary_changes.js";
import { entriesAt } from "../tensorboard_plugin/tensorboard_plugin_interp/static/dictionary/dictionary_record.js";

const words = (...channels) => channels.map((channel) => ({ name: `channel ${channel}`, channel, count: 1, icon: null, crop: null }));
const make = (channels, entries, strengths, more = {}) => ({
  rows: 1, columns: 2, top: 2, scale: 10, words: words(...channels), probe: { ids: ["a", "b"] },
  pictures: [{ probe: 1, entries, strengths, magnitudes: [1000, 500] }], ...more,
});
const before = make([7, 3], [0, 1, 1, -1], [1000, 500, 200, 0]); // 7 and 3, then 3 alone
const after = make([3, 7, 9], [1, 0, 2, 0], [800, 600, 900, 100]); // 7 and 3, then 9 and 3

test("words are the same by their channel, whatever their places in the two records", () => {
  const pairs = pairWords(entriesAt(before, before.pictures[0], 1), entriesAt(after, after.pictures[0], 1));
  assert.deepEqual(pairs.map(({ name, change }) => [name, change]), [["channel 9", null], ["channel 3", -1]]);
  const first = pairWords(entriesAt(before, before.pictures[0], 0), entriesAt(after, after.pictures[0], 0));
  assert.deepEqual(first.map(({ name, change }) => [name, change]), [["channel 7", -2], ["channel 3", 1]]);
  assert.deepEqual(pairWords(entriesAt(after, after.pictures[0], 1), []).map(({ name, after: none }) => [name, none]), [["channel 9", null], ["channel 3", null]]);
});

test("each position says which part of its words are others", () => {
  assert.deepEqual(changesOf(before, after, 0, 0), { parts: [0, 0.5], others: 1, same: 0.75 });
  const silent = make([3], [-1, -1, 0, -1], [0, 0, 100, 0]);
  assert.deepEqual(changesOf(silent, silent, 0, 0), { parts: [0, 0], others: 0, same: 1 });
  assert.deepEqual(changesOf(silent, after, 0, 0).parts, [1, 0.5], "where nothing fired all of them are others");
});

test("other positions and words that are groups are not compared", () => {
  assert.equal(changesOf({ ...before, columns: 1, rows: 2 }, after, 0, 0), null);
  const groups = { ...before, words: before.words.map((word) => ({ ...word, channel: null })) };
  assert.equal(changesOf(groups, after, 0, 0), null);
  assert.equal(changesOf(groups, groups, 0, 0), null, "two groups of one name are not one group");
});

test("a picture is found by its name", () => {
  const other = { ...before, probe: { ids: ["b", "c"] }, pictures: [{ ...before.pictures[0], probe: 1 }, { ...before.pictures[0], probe: 0 }] };
  assert.equal(findPicture(other, after, 0), 1);
  assert.equal(findPicture({ ...other, probe: { ids: ["x", "y"] } }, after, 0), -1);
  assert.equal(findPicture({ ...other, probe: null }, { ...after, probe: null }, 0), -1, "without names none is the same");
});
