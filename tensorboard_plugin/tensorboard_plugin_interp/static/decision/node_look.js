/**
 * Color and name of the groups among the nodes of a graph: those that they have on the groups' page.
 *
 * @import { Ctx } from "../model.js"
 * @import { DecisionData, GraphNode } from "../records.js"
 */
import { groupStyle } from "../drawing/canvas.js";
import { colorsOf } from "../groups/group_look.js";
import { plainName } from "../groups/names/group_name.js";
import { nodesOf } from "./numbers/decision_numbers.js";

/** @type {WeakMap<DecisionData, Map<string, GraphNode[]>>} */
const known = new WeakMap();

/** @param {DecisionData} data @param {string} layer @returns {GraphNode[]} its groups; the same list each time */
export function groupsOf(data, layer) {
  let layers = known.get(data);
  if (!layers) known.set(data, (layers = new Map()));
  let groups = layers.get(layer);
  if (!groups) layers.set(layer, (groups = nodesOf(data, layer).filter(({ kind }) => kind === "group")));
  return groups;
}

/** @param {DecisionData} data @param {string} layer @returns {number[]} number of the color of each of its nodes */
export function colorsIn(data, layer) {
  const colors = colorsOf(groupsOf(data, layer));
  return nodesOf(data, layer).map(({ index }) => colors[index] ?? index);
}

/** @param {DecisionData} data @param {GraphNode} node @returns {string} its color, for CSS; "" of what is no group */
export const styleOf = (data, node) => (node.kind === "group" ? groupStyle(colorsIn(data, node.layer)[node.index]) : "");

/** @param {Ctx} ctx @param {DecisionData} data @param {GraphNode} node @returns {string|null} what a person calls it */
export const givenTo = (ctx, data, node) =>
  node.kind === "group" ? (ctx.names.given(node.layer, groupsOf(data, node.layer))[node.index] ?? null) : null;

/** @param {Ctx} ctx @param {DecisionData} data @param {GraphNode} node @returns {string} what to call it */
export const calledIn = (ctx, data, node) => givenTo(ctx, data, node) ?? (node.kind === "group" ? plainName(node) : node.name);
