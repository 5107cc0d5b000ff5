/**
 * Which groups of two steps or two runs are the same, and what has changed.
 *
 * @import { LoadedSheet } from "../../model.js"
 * @import { Group, GroupsData } from "../../records.js"
 */
import { COLORS, isThere, place, readCell } from "../../drawing/canvas.js";
import { colorsOf, identityOf } from "../group_look.js";
import { cosine, pairUp, readVector } from "../matching.js";

const SAME = 0.5; // agreement from which on two groups are a pair, as in `match_groups`

/**
 * @typedef {{data: GroupsData, maps: LoadedSheet|undefined}} Side
 * @typedef {object} Row two groups that are the same, or one that the other side lacks
 * @property {number|null} there
 * @property {number|null} here
 * @property {number} change of the share, 0..1; of a group that the other side lacks all of its share
 * @property {number|null} where cosine of where the two fire; null where that is not known
 * @property {number|null} makeup cosine of their vectors
 * @typedef {object} Compared
 * @property {Row[]} rows the largest change first
 * @property {"identity"|"places"|"makeup"|"nothing"} by what pairs were found by
 * @property {number} pictures that both sides show
 * @property {number|null} others mean agreement of groups that are no pair
 */

/**
 * @param {Side} there
 * @param {Side} here
 * @param {boolean} own whether both are steps of one training, in which groups are followed
 * @returns {Compared}
 */
export function compareSides(there, here, own) {
  const [before, after] = [there.data.groups ?? [], here.data.groups ?? []];
  const followed = own && [...before, ...after].every(({ identity }) => typeof identity === "number");
  const { cosines: places, pictures } = comparePlaces(there, here);
  const makeup = compareVectors(before.map(({ vector }) => vector), after.map(({ vector }) => vector));
  // another training has other channels: what is comparable is where groups fire
  const alike = places ?? makeup;
  const by = followed ? "identity" : places ? "places" : makeup ? "makeup" : "nothing";
  /** @type {[number, number][]} */
  const pairs = followed
    ? before.flatMap((group, one) => {
        const identity = identityOf(group, one);
        const other = identity < 0 ? -1 : after.findIndex((now, index) => identityOf(now, index) === identity);
        return other < 0 ? [] : [/** @type {[number, number]} */ ([one, other])];
      })
    : pairUp(alike ?? []).filter(([one, other]) => (alike?.[one][other] ?? 0) >= SAME);
  const rows = pairs.map(([one, other]) => ({
    there: /** @type {number|null} */ (one),
    here: /** @type {number|null} */ (other),
    change: (after[other].share ?? 0) - (before[one].share ?? 0),
    where: places?.[one][other] ?? null,
    makeup: makeup?.[one][other] ?? null,
  }));
  const paired = new Set(pairs.map(([one, other]) => `${one} ${other}`));
  const apart = (alike ?? []).flatMap((row, one) => row.filter((_, other) => !paired.has(`${one} ${other}`)));
  const lone = { where: null, makeup: null };
  before.forEach((group, one) => {
    if (!pairs.some((pair) => pair[0] === one)) rows.push({ there: one, here: null, change: -(group.share ?? 0), ...lone });
  });
  after.forEach((group, other) => {
    if (!pairs.some((pair) => pair[1] === other)) rows.push({ there: null, here: other, change: group.share ?? 0, ...lone });
  });
  rows.sort((a, b) => Math.abs(b.change) - Math.abs(a.change));
  return { rows, by, pictures, others: apart.length ? apart.reduce((sum, value) => sum + value, 0) / apart.length : null };
}

/**
 * @param {Row[]} rows
 * @param {Group[]} there
 * @param {Group[]} here
 * @returns {{there: number[], here: number[]}} colors of both sides: a pair has one, that of the group that is shown, and
 *   nobody else has it
 */
export function pairColors(rows, there, here) {
  const colors = { there: colorsOf(there), here: colorsOf(here) };
  const taken = new Set(colors.here);
  for (const row of rows) if (row.there !== null && row.here !== null) colors.there[row.there] = colors.here[row.here];
  for (const { there: alone, here: other } of rows) {
    if (alone === null || other !== null) continue;
    while (taken.has(colors.there[alone]) && taken.size < COLORS) colors.there[alone] = (colors.there[alone] + 1) % COLORS;
    taken.add(colors.there[alone]);
  }
  return colors;
}

/**
 * @param {(string|null|undefined)[]} before
 * @param {(string|null|undefined)[]} after
 * @returns {number[][]|null} cosines of vectors; null where a side has none, or other channels
 */
function compareVectors(before, after) {
  const [ones, others] = [before.map(readVector), after.map(readVector)];
  const sizes = new Set([...ones, ...others].flatMap((vector) => vector?.length ?? []));
  if (sizes.size !== 1 || !ones.some(Boolean) || !others.some(Boolean)) return null;
  return ones.map((one) => others.map((other) => (one && other ? cosine(one, other) : 0)));
}

/**
 * @param {Side} there
 * @param {Side} here
 * @returns {{cosines: number[][]|null, pictures: number}} cosines of where groups fire, over the pictures that both show;
 *   null where there are none, or the maps have other sides
 */
function comparePlaces(there, here) {
  const none = { cosines: null, pictures: 0 };
  const [before, after] = [there.maps, here.maps];
  if (!before || !after || !isThere(before) || !isThere(after)) return none;
  const [size, other] = [place(before, 0), place(after, 0)];
  if (size.width !== other.width || size.height !== other.height) return none;
  const [ones, twos] = [shownIds(there), shownIds(here)];
  const same = ones.flatMap((id, row) => (twos.includes(id) ? [[row, twos.indexOf(id)]] : []));
  if (!same.length) return none;
  const read = (/** @type {Side} */ { data, maps }, /** @type {number} */ side) => {
    const count = data.groups?.length ?? 0;
    return Array.from({ length: count }, (_, group) =>
      same.flatMap((rows) => [...readCell(/** @type {any} */ (maps), rows[side] * count + group).values]),
    );
  };
  const [left, right] = [read(there, 0), read(here, 1)];
  return { cosines: left.map((one) => right.map((two) => cosine(one, two))), pictures: same.length };
}

/** @param {Side} side @returns {string[]} of the pictures that there are maps of */
function shownIds({ data, maps }) {
  const count = Math.floor((maps?.count ?? 0) / Math.max(1, data.groups?.length ?? 0));
  return (data.probe?.ids ?? []).slice(0, count);
}
