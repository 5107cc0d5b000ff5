/**
 * Which units of a layer are shown, and in which order.
 *
 * @import { Unit } from "../records.js"
 */
import { findNames } from "../choosing/found_names.js";

/** Orders that can be chosen, "" as they were recorded. @type {string[][]} */
export const UNIT_ORDERS = [
  ["", "as recorded"],
  ["activation", "by activation"],
  ["share", "by share of the probe’s best"],
  ["change", "by change over training"],
];

/** What units can be looked at for, "" for all. @type {string[][]} */
export const UNIT_STATES = [
  ["", "all units"],
  ["silent", "did not activate"],
  ["below", "below the probe’s best"],
  ["dead", "dead: the same for every probe picture"],
];
const EQUAL = 1e-6; // part of a number that is rounding

/** @param {Unit} unit @returns {boolean} */
export const isOk = (unit) => unit.status === undefined || unit.status === null || unit.status === "ok";

/** @param {Unit} unit @returns {number|null} what the picture reaches over the probe's maximum; null if that is unknown */
export function shareOf(unit) {
  const most = unit.probe_max ?? 0;
  const reached = unit.activation ?? NaN;
  return most > 0 && Number.isFinite(reached) ? reached / most : null;
}

/** @param {Unit} a @param {Unit} b @returns {boolean} whether both are the same unit, at two steps */
export function isSame(a, b) {
  return a.name === b.name && (a.channel ?? null) === (b.channel ?? null);
}

/** @param {Unit} unit @returns {boolean} whether the probe's mean is its maximum: no picture stands out */
function isDead({ probe_mean: mean, probe_max: most }) {
  if (!Number.isFinite(mean ?? NaN) || !Number.isFinite(most ?? NaN)) return false;
  return Number(most) - Number(mean) <= EQUAL * Math.abs(Number(most));
}

/** @type {Record<string, (unit: Unit) => boolean>} */
const TELLS = {
  silent: (unit) => (unit.status ?? "").startsWith("did not activate"),
  below: (unit) => isOk(unit) && (shareOf(unit) ?? 1) < 1,
  dead: isDead,
};

/**
 * @param {Unit[]} units of the step that is shown
 * @param {Unit[]} first of the first step
 * @returns {(number|null)[]} by how much the share of the probe's best has changed since then, either way; null where
 *   one of the two is not known
 */
function changesOf(units, first) {
  const key = (/** @type {Unit} */ unit) => JSON.stringify([unit.name, unit.channel ?? null]);
  const before = new Map(first.map((unit) => [key(unit), shareOf(unit)]));
  return units.map((unit) => {
    const [was, is] = [before.get(key(unit)) ?? null, shareOf(unit)];
    return was === null || is === null ? null : Math.abs(is - was);
  });
}

/**
 * @param {(number|null|undefined)[]} values
 * @returns {number[]} their places, the largest value first and those that are not known last; equal ones as they were
 */
export function largestFirst(values) {
  const known = (/** @type {number} */ place) => (Number.isFinite(values[place] ?? NaN) ? Number(values[place]) : -Infinity);
  return values.map((_, place) => place).sort((a, b) => (known(a) === known(b) ? a - b : known(b) - known(a)));
}

/** @type {Record<string, (units: Unit[], first: Unit[]) => (number|null|undefined)[]>} */
const VALUES = {
  activation: (units) => units.map(({ activation }) => activation),
  share: (units) => units.map(shareOf),
  change: changesOf,
};

/**
 * @param {Unit[]} units
 * @param {{order?: string, state?: string, text?: string}} wanted what was chosen; what is not known counts as nothing
 * @param {Unit[]} [first] the units of the first step, for their change
 * @returns {Unit[]} those that are wanted
 */
export function arrangeUnits(units, { order = "", state = "", text = "" }, first = []) {
  const values = VALUES[order]?.(units, first);
  const ordered = values ? largestFirst(values).map((place) => units[place]) : units;
  const names = units.map((unit, place) => ["", unit.name, String(place)]);
  const named = new Set(text ? findNames(names, text).found.map(([, , place]) => units[Number(place)]) : units);
  return ordered.filter((unit) => named.has(unit) && (TELLS[state]?.(unit) ?? true));
}
