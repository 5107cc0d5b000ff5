/**
 * What is the same on two sides, and by how much it has changed. A is what is compared with, B what is shown.
 *
 * @import { ConceptTest, ConceptsData, FeaturesData, GroupsData, Probe, Unit } from "../records.js"
 *
 * @typedef {{name: string, before: Unit|null, after: Unit|null, change: number|null}} UnitPair `change` of what the
 *   picture reaches
 * @typedef {{change: number|null, low: number|null, high: number|null}} Difference without an interval where none holds
 * @typedef {{before: number, after: number, id: string, was: number|number[], is: number|number[]}} Flip rows of the two
 *   probes, and what the picture was taken for and is
 *
 * @typedef {{kind: string, layer: string, tag: string, before: any, after: any}} Sides the data of two records
 * @typedef {object} Change one thing that has changed
 * @property {string} kind
 * @property {string} layer
 * @property {string} tag
 * @property {string} name as a person knows it
 * @property {string} item as a link names it
 * @property {number|null} was
 * @property {number|null} is
 * @property {number} size for the order within one kind
 * @property {string} [contrast] of a concept test
 */
import { contrastsOf } from "../format.js";

const SHOWN = 3; // of each kind

export const NONE_IN_COMMON = "A and B have no pictures in common: which decisions differ cannot be said.";

/** @param {number|null|undefined} value @returns {value is number} */
const isKnown = (value) => typeof value === "number" && Number.isFinite(value);

/** @param {number|null|undefined} was @param {number|null|undefined} is @returns {number|null} */
const minus = (was, is) => (isKnown(was) && isKnown(is) ? is - was : null);

/** @param {Unit} one @param {Unit} other @returns {boolean} whether both are one unit of a layer */
export const isSameUnit = (one, other) => one.name === other.name && (one.channel ?? null) === (other.channel ?? null);

/** @param {Unit|null|undefined} unit @returns {boolean} whether its picture shows what excites it */
export const isDrawn = (unit) => Boolean(unit) && (unit?.status ?? "ok") === "ok";

/**
 * @param {Unit[]} before
 * @param {Unit[]} after
 * @returns {UnitPair[]} in the order of B; those that only A has come last
 */
export function pairUnits(before, after) {
  const find = (/** @type {Unit[]} */ all, /** @type {Unit} */ unit) => all.find((one) => isSameUnit(one, unit)) ?? null;
  const pairs = after.map((unit) => ({ name: unit.name, before: find(before, unit), after: /** @type {Unit|null} */ (unit) }));
  const gone = before.filter((unit) => !find(after, unit)).map((unit) => ({ name: unit.name, before: unit, after: null }));
  return [...pairs, ...gone].map((pair) => ({ ...pair, change: minus(pair.before?.activation, pair.after?.activation) }));
}

/** @param {ConceptTest} row @returns {string} */
const testKey = (row) => JSON.stringify([row.target, row.concept, row.contrast]);

/**
 * @param {ConceptTest[]} tests
 * @param {ConceptTest} row
 * @returns {ConceptTest|null} the same test on the other side; none if it moves something else
 */
export const findTest = (tests, row) =>
  tests.find(
    (one) =>
      testKey(one) === testKey(row) &&
      (one.quantity ?? "logit") === (row.quantity ?? "logit") &&
      JSON.stringify(one.against ?? null) === JSON.stringify(row.against ?? null),
  ) ?? null;

/**
 * @param {ConceptTest|null} before
 * @param {ConceptTest|null} after
 * @param {boolean} independent whether the errors of the two have nothing to do with each other
 * @returns {Difference} with its 95 % interval: the sides' half widths, squared and summed, each end with its own
 */
export function subtractTests(before, after, independent) {
  const change = minus(before?.displacement, after?.displacement);
  const none = { change, low: null, high: null };
  if (!before || !after || change === null || !independent) return none;
  const ends = [before.displacement, before.ci_low, before.ci_high, after.displacement, after.ci_low, after.ci_high];
  if (!ends.every(isKnown)) return none;
  const [was, wasLow, wasHigh, is, isLow, isHigh] = /** @type {number[]} */ (ends);
  return { change, low: change - Math.hypot(is - isLow, wasHigh - was), high: change + Math.hypot(isHigh - is, was - wasLow) };
}

/**
 * @param {Probe|null|undefined} before
 * @param {Probe|null|undefined} after
 * @returns {{flips: Flip[], common: number}} pictures that are taken for something else, of those that both sides have
 */
export function findFlips(before, after) {
  const [ids, others] = [before?.ids ?? [], after?.ids ?? []];
  const [was, is] = [before?.predictions ?? [], after?.predictions ?? []];
  const rows = new Map(ids.map((id, row) => [id, row]));
  let common = 0;
  const flips = others.flatMap((id, row) => {
    const old = rows.get(id);
    if (old === undefined || old >= was.length || row >= is.length) return [];
    common += 1;
    return JSON.stringify(was[old]) === JSON.stringify(is[row]) ? [] : [{ before: old, after: row, id, was: was[old], is: is[row] }];
  });
  return { flips, common };
}

/**
 * @param {Probe|null|undefined} before
 * @param {Probe|null|undefined} after
 * @returns {boolean} whether both know what their pictures are taken for, but have none of them in common
 */
export const haveNoneInCommon = (before, after) =>
  Boolean(before?.predictions?.length && after?.predictions?.length) && findFlips(before, after).common === 0;

/** @param {Sides} sides @returns {Change[]} */
function changedUnits({ before, after, ...place }) {
  const pairs = pairUnits(/** @type {FeaturesData} */ (before).units ?? [], /** @type {FeaturesData} */ (after).units ?? []);
  const known = pairs.filter((pair) => isDrawn(pair.before) || isDrawn(pair.after));
  const most = Math.max(...known.flatMap((pair) => [Math.abs(pair.before?.activation ?? 0), Math.abs(pair.after?.activation ?? 0)]), 1e-12);
  return known.flatMap(({ name, before: one, after: two, change }) =>
    change
      ? [{ ...place, name, item: name, was: one?.activation ?? null, is: two?.activation ?? null, size: Math.abs(change) / most }]
      : [],
  );
}

/** @param {Sides} sides of one training, in which groups are followed @returns {Change[]} shares */
function changedGroups({ before, after, ...place }) {
  const groups = (/** @type {GroupsData} */ data) => (data.groups ?? []).filter(({ identity }) => (identity ?? -1) >= 0);
  const [ones, twos] = [groups(before), groups(after)];
  const all = new Set([...ones, ...twos].map(({ identity }) => identity));
  return [...all].flatMap((identity) => {
    const [one, two] = [ones, twos].map((side) => side.find((group) => group.identity === identity));
    const change = (two?.share ?? 0) - (one?.share ?? 0);
    const name = (two ?? one)?.name ?? "";
    if (!change) return [];
    return [{ ...place, name, item: String(identity), was: one?.share ?? null, is: two?.share ?? null, size: Math.abs(change) }];
  });
}

/** @param {ConceptTest} one @param {ConceptTest} other @returns {boolean} whether the intervals of both have nothing in common */
const areApart = (one, other) =>
  [one.ci_low, one.ci_high, other.ci_low, other.ci_high].every(isKnown) &&
  (Number(one.ci_high) < Number(other.ci_low) || Number(other.ci_high) < Number(one.ci_low));

/** @param {ConceptTest} one @param {ConceptTest} other @returns {boolean} whether what one test gains the other loses */
const areMirrored = (one, other) =>
  one.contrast === "relative" &&
  other.contrast === "relative" &&
  one.target === other.target &&
  JSON.stringify(one.against) === JSON.stringify([other.concept]) &&
  JSON.stringify(other.against) === JSON.stringify([one.concept]);

/** @param {Sides} sides @returns {Change[]} effects that are sure to differ, of each concept and target by the clearest contrast */
function changedTests({ before, after, ...place }) {
  const pairs = (/** @type {ConceptsData} */ (after).tests ?? []).flatMap((row) => {
    const old = findTest(/** @type {ConceptsData} */ (before).tests ?? [], row);
    const change = minus(old?.displacement, row.displacement);
    return old && change ? [{ row, old, change }] : [];
  });
  const sure = pairs.filter(
    ({ row, old, change }) => areApart(old, row) && !pairs.some((one) => areMirrored(row, one.row) && one.change > change),
  );
  const clear = contrastsOf(sure.map(({ row }) => row)).flatMap((contrast) => sure.filter(({ row }) => row.contrast === contrast));
  const first = new Map(clear.toReversed().map((pair) => [JSON.stringify([pair.row.concept, pair.row.target]), pair]));
  return [...first.values()].map(({ row, old, change }) => ({
    ...place,
    name: `${row.concept} → ${row.target}`,
    item: testKey(row),
    was: old.displacement ?? null,
    is: row.displacement ?? null,
    size: Math.abs(change),
    contrast: row.contrast,
  }));
}

/** How each kind is looked at. @type {Record<string, (sides: Sides) => Change[]>} */
const KINDS = { features: changedUnits, groups: changedGroups, concepts: changedTests };

/**
 * What has changed most. Kinds have no common scale: the order is within one kind.
 * @param {Sides[]} all records of both sides, those of one kind and layer together
 * @param {boolean} own whether both sides are of one training: groups of another one are others
 * @returns {Change[]} kind after kind, the largest change of each first
 */
export function whatChanged(all, own) {
  return Object.entries(KINDS).flatMap(([kind, look]) => {
    if (kind === "groups" && !own) return [];
    const found = all.filter((sides) => sides.kind === kind).flatMap((sides) => look(sides));
    found.sort((one, other) => other.size - one.size);
    const first = new Map(found.toReversed().map((change) => [JSON.stringify([change.tag, change.name]), change]));
    return found.filter((change) => first.get(JSON.stringify([change.tag, change.name])) === change).slice(0, SHOWN);
  });
}
