/**
 * Which groups of a layer are listed, and in which order.
 *
 * @import { Group } from "../records.js"
 */
import { findNames } from "../choosing/found_names.js";
import { largestFirst } from "./unit_order.js";

/** Orders that can be chosen; "": each group keeps its place over the steps. @type {string[][]} */
export const GROUP_ORDERS = [
  ["", "each in its place"],
  ["share", "by share of the activation"],
  ["effect", "by strongest effect"],
  ["change", "by change over training"],
];

/** @param {Group} group @returns {number|null} the largest of its effects, either way */
function strongestEffect({ effects }) {
  const known = Object.values(effects ?? {}).filter(Number.isFinite);
  return known.length ? Math.max(...known.map(Math.abs)) : null;
}

/** @type {Record<string, (group: Group) => number|null|undefined>} */
const VALUES = {
  share: ({ share }) => share,
  effect: strongestEffect,
  change: ({ total_drift: drift }) => drift,
};

/**
 * @param {Group[]} groups
 * @param {number[]} places of all groups, as each keeps its place
 * @param {string[]} names what each group is called
 * @param {{order?: string, text?: string}} wanted what was chosen; what is not known counts as nothing
 * @returns {number[]} places of those that are wanted
 */
export function arrangeGroups(groups, places, names, { order = "", text = "" }) {
  const value = VALUES[order];
  const ordered = value ? largestFirst(places.map((place) => value(groups[place]))).map((at) => places[at]) : places;
  if (!text) return ordered;
  const found = new Set(findNames(places.map((place) => ["", names[place], String(place)]), text).found.map(([, , place]) => Number(place)));
  return ordered.filter((place) => found.has(place));
}
