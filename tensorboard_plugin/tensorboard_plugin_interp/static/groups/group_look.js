/**
 * Color and place of groups: both go by the identity that a group keeps over steps, so that a group stays where it is.
 *
 * @import { Entry, GroupsData } from "../records.js"
 * @import { Named } from "./names/given_names.js"
 */
import { COLORS, groupStyle } from "../drawing/canvas.js";

/**
 * @param {{identity?: number|null}} group
 * @param {number} index
 * @returns {number} by which it is followed over steps: its place, where a record of an earlier version knows no better
 */
export function identityOf({ identity }, index) {
  if (identity === undefined || identity === null) return index;
  return identity >= 0 ? identity : -1 - index; // empty groups are nobody, each for itself
}

/** @param {string} tag @param {number} identity @returns {string} by which the row of a group in a comparison is found */
export const rowName = (tag, identity) => `group ${identity} of ${tag}`;

/**
 * @param {Named[]} groups of one step
 * @returns {number[]} number of the color of each: that of its identity, unless one that is older has it
 */
export function colorsOf(groups) {
  const colors = groups.map(() => 0);
  const taken = new Set();
  const last = (/** @type {number} */ identity) => (identity < 0 ? Infinity : identity);
  const order = groups.map((group, index) => ({ index, identity: identityOf(group, index) }));
  order.sort((a, b) => last(a.identity) - last(b.identity) || a.index - b.index);
  for (const { index, identity } of order) {
    let color = (identity < 0 ? index : identity) % COLORS;
    while (taken.has(color) && taken.size < COLORS) color = (color + 1) % COLORS;
    taken.add(color);
    colors[index] = color;
  }
  return colors;
}

/** @param {Named[]} groups of one step @returns {string[]} color of each, for CSS */
export const stylesOf = (groups) => colorsOf(groups).map(groupStyle);

/**
 * @param {Entry<GroupsData>[]} entries of all steps, or none while they are not known
 * @param {Named[]} groups of one step
 * @returns {number[]} indices of the groups in the order in which they are shown: each keeps its place over the steps, and
 *   one that is new takes the first that is free
 */
export function orderOf(entries, groups) {
  /** @type {Map<number, number>} */
  const places = new Map();
  for (const { data } of entries) {
    const alive = (data.groups ?? []).map(identityOf).filter((identity) => identity >= 0);
    const taken = new Set(alive.flatMap((identity) => places.get(identity) ?? []));
    for (const identity of alive) {
      if (places.has(identity)) continue;
      let place = 0;
      while (taken.has(place)) place++;
      taken.add(place);
      places.set(identity, place);
    }
  }
  const place = (/** @type {number} */ index) => {
    const identity = identityOf(groups[index], index);
    return identity < 0 ? Infinity : (places.get(identity) ?? identity);
  };
  return groups.map((_, index) => index).sort((a, b) => {
    const [one, other] = [place(a), place(b)];
    return one === other ? a - b : one - other;
  });
}

/**
 * @param {Entry<GroupsData>[]} entries of all steps
 * @returns {{identity: number, step: number, groups: Named[], index: number}[]} every group that there
 *   has been, as it was at the last of its steps
 */
export function everyGroup(entries) {
  /** @type {Map<number, {identity: number, step: number, groups: Named[], index: number}>} */
  const all = new Map();
  for (const { step, data } of entries)
    (data.groups ?? []).forEach((group, index, groups) => {
      const identity = identityOf(group, index);
      if (identity >= 0) all.set(identity, { identity, step, groups, index });
    });
  return [...all.values()].sort((a, b) => a.identity - b.identity);
}
