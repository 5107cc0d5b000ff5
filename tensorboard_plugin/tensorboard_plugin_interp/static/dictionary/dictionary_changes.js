/**
 * What a dictionary says at the same place of the same picture on two sides. Pure functions.
 *
 * Words are single channels here: those of groups are found anew at each step and in each run, so that none is another one again.
 *
 * @import { DictionaryData } from "../records.js"
 * @import { Entry } from "./dictionary_record.js"
 * @typedef {{name: string, before: Entry|null, after: Entry|null, change: number|null}} WordPair `change` of the strength, null
 *   where one side has the word not among its strongest: that is not 0
 * @typedef {{parts: number[], others: number, same: number}} Changes `parts`: which part of the words at each position are
 *   others, 0..1; `others`: at how many positions the strongest is another one; `same`: which part are the same, on average
 */
import { entriesAt } from "./dictionary_record.js";

/**
 * @param {DictionaryData} there
 * @param {DictionaryData} here
 * @param {number} picture of here
 * @returns {number} the same picture there, by its name; -1 if it has none
 */
export function findPicture(there, here, picture) {
  const idOf = (/** @type {DictionaryData} */ data, /** @type {number} */ place) => data.probe?.ids?.[data.pictures?.[place]?.probe ?? -1];
  const id = idOf(here, picture);
  if (id === undefined) return -1;
  return (there.pictures ?? []).findIndex((_, place) => idOf(there, place) === id);
}

/** @param {DictionaryData} there @param {DictionaryData} here @returns {boolean} whether words of both can be the same */
export const havePairs = (there, here) =>
  [there, here].every(({ words = [] }) => words.length > 0 && words.every(({ channel }) => typeof channel === "number"));

/**
 * @param {Entry[]} before
 * @param {Entry[]} after
 * @returns {WordPair[]} in the order of B; those that only A has come last
 */
export function pairWords(before, after) {
  const find = (/** @type {Entry[]} */ all, /** @type {Entry} */ one) => all.find(({ word }) => word.channel === one.word.channel) ?? null;
  const pairs = after.map((entry) => ({ name: entry.word.name, before: find(before, entry), after: /** @type {Entry|null} */ (entry) }));
  const gone = before.filter((entry) => !find(after, entry)).map((entry) => ({ name: entry.word.name, before: entry, after: null }));
  return [...pairs, ...gone].map((pair) => ({ ...pair, change: pair.before && pair.after ? pair.after.value - pair.before.value : null }));
}

/**
 * @param {DictionaryData} there
 * @param {DictionaryData} here
 * @param {number} one the picture there
 * @param {number} two the same picture here
 * @returns {Changes|null} null where the positions of the two are others, or their words cannot be the same
 */
export function changesOf(there, here, one, two) {
  const { rows = 1, columns = 1 } = here;
  if ((there.rows ?? 1) !== rows || (there.columns ?? 1) !== columns || !havePairs(there, here)) return null;
  let others = 0;
  const parts = Array.from({ length: rows * columns }, (_, index) => {
    const [before, after] = [entriesAt(there, there.pictures?.[one], index), entriesAt(here, here.pictures?.[two], index)];
    if (before[0]?.word.channel !== after[0]?.word.channel) others += 1;
    const most = Math.max(before.length, after.length);
    const common = pairWords(before, after).filter((pair) => pair.before && pair.after).length;
    return most ? 1 - common / most : 0;
  });
  return { parts, others, same: 1 - parts.reduce((sum, part) => sum + part, 0) / Math.max(1, parts.length) };
}
