/**
 * The graph of one decision, or the mean of several, read from a record. Pure functions.
 *
 * @import { DecisionData, DecisionPicture, GraphLayer, GraphNode } from "../../records.js"
 * @import { Matrix } from "./influence.js"
 *
 * @typedef {object} Asked what is explained
 * @property {number|null} target a class; null for the one that each picture was taken for
 * @property {number|"next"|"alone"} against a class, the one after the target, or none
 *
 * @typedef {GraphNode & {id: number, value: number, bias: number, push: number, proof: number, off: number,
 *   doubled: number, like: number}} Node `push`: what it puts into the output directly, to first order; `proof`: by how
 *   much that falls without it, layers between held; `off`, `doubled`, `like`: how the output changes when the node is
 *   switched off, doubled, or as in the partner picture, all that follows following
 * @typedef {{source: number, target: number, value: number, proof: number, contradicted: boolean}} Edge `target` is the
 *   number of nodes where it leads into the output
 * @typedef {object} Decided
 * @property {Node[]} nodes
 * @property {Edge[]} edges strongest last
 * @property {number} score of the output: a logit, or a difference of two
 * @property {number} bias what no edge explains
 * @property {number} missing pictures that were left out: the classes were not recorded for them
 */
import { className } from "../../format.js";
import { absorb, findInfluence, pruneGraph, scoreGraph } from "./influence.js";

const SMALL = 0.05; // of all that goes into a node: below it, signs of value and proof may differ

/** @param {DecisionData} data @returns {boolean} whether the network decides for classes, and gives no other numbers */
export const decides = ({ probe }) => Array.isArray(probe?.predictions);

/** @param {DecisionData} data @param {number} index @returns {string} name of a class, or of a number where none is */
export const nameOutput = (data, index) =>
  decides(data) || data.class_names?.[index] ? className(data.class_names, index) : `number ${index}`;

/** @param {{layer: string, name: string}} node @returns {string} what tells it from all others, in every record */
export const nameNode = ({ layer, name }) => `${layer}: ${name}`;

/** @param {DecisionData} data @param {{layer: string}} node @returns {GraphLayer|undefined} none of a part of the input */
export const layerOf = ({ layers = [] }, node) => layers.find(({ layer }) => layer === node.layer);

/** @param {DecisionData} data @param {string} layer @returns {GraphNode[]} */
export const nodesOf = ({ nodes = [] }, layer) => nodes.filter((node) => node.layer === layer);

/** @param {DecisionData} data @returns {number[]} the classes that pictures were taken for */
export const chosenClasses = ({ pictures = [] }) => [...new Set(pictures.flatMap(({ classes }) => classes?.[0] ?? []))];

/** @param {number[]} values a number a class @param {[number, number]} outputs @returns {number} one, or one less another */
export const marginOf = (values, [first, second]) => values[first] - (second < 0 ? 0 : values[second]);

/** @param {Edge[]} edges @param {number} count of nodes @returns {number[]} how much goes into each, and into the output */
export function sumInto(edges, count) {
  const into = new Array(count + 1).fill(0);
  for (const edge of edges) into[edge.target] += Math.abs(edge.value);
  return into;
}

/**
 * @param {DecisionPicture} picture
 * @param {Asked} asked
 * @returns {[number, number]|null} which recorded outputs are set against each other, the second -1 for none; null
 *   where one was not recorded
 */
export function chooseOutputs(picture, { target, against }) {
  const { classes } = picture;
  const first = target === null || !classes ? 0 : classes.indexOf(target);
  if (first < 0) return null;
  if (against === "alone" || picture.scores.length < 2) return [first, -1];
  if (against === "next") return [first, first === 0 ? 1 : 0];
  const second = classes ? classes.indexOf(against) : -1;
  return second < 0 ? null : [first, second === first ? -1 : second];
}

/**
 * @param {DecisionPicture|undefined} picture
 * @param {Asked} asked
 * @returns {[number, number]|null} which of the classes with details are set against each other, the second -1 for none;
 *   null where one of them has none
 */
export function chooseDetails(picture, asked) {
  const outputs = picture && chooseOutputs(picture, asked);
  if (!outputs || !picture.detailed) return null;
  const [first, second] = outputs.map((output) => (output < 0 ? -1 : picture.detailed.indexOf(output)));
  return first < 0 || (outputs[1] >= 0 && second < 0) ? null : [first, second];
}

/**
 * @param {DecisionData} data
 * @param {number[]} rows which of its pictures; the mean is taken over several
 * @param {Asked} asked
 * @returns {Decided|null} null where none of them has what is asked about
 */
export function readDecision(data, rows, asked) {
  const { nodes = [], edges = [], pictures = [] } = data;
  const sums = {
    nodes: nodes.map((node, id) => ({ ...node, id, value: 0, bias: 0, push: 0, proof: 0, off: 0, doubled: 0, like: 0 })),
    edges: edges.map(([source, target]) => ({ source, target, value: 0, proof: 0, contradicted: false })),
    score: 0,
    bias: 0,
  };
  const chosen = rows.flatMap((row) => {
    const outputs = pictures[row] && chooseOutputs(pictures[row], asked);
    return outputs ? [{ picture: pictures[row], outputs }] : [];
  });
  if (!chosen.length) return null;
  for (const { picture, outputs } of chosen) {
    const part = (/** @type {number} */ value) => (value ?? 0) / chosen.length;
    const margin = (/** @type {number[]} */ values) => part(marginOf(values, outputs));
    sums.score += margin(picture.scores);
    sums.bias += margin(picture.biases);
    sums.nodes.forEach((node, id) => {
      node.value += part(picture.values[id]);
      node.bias += part(picture.node_biases[id]);
      node.push += margin(picture.output_values[id]);
      node.proof += margin(picture.output_proofs[id]);
      node.off += margin(picture.off[id]);
      node.doubled += margin(picture.doubled[id]);
      node.like += margin(picture.like[id]);
    });
    sums.edges.forEach((edge, index) => {
      edge.value += part(picture.edge_values[index]);
      edge.proof += part(picture.edge_proofs[index]);
    });
  }
  const output = nodes.length;
  const last = sums.nodes.map(({ id, push, proof }) => ({
    source: id,
    target: output,
    value: push,
    proof,
    contradicted: false,
  }));
  const all = [...sums.edges, ...last].filter((edge) => edge.value !== 0 || edge.proof !== 0);
  const into = sumInto(all, output);
  for (const edge of all) {
    const most = Math.max(Math.abs(edge.value), Math.abs(edge.proof));
    edge.contradicted = edge.value * edge.proof < 0 && most > SMALL * into[edge.target];
  }
  all.sort((a, b) => Math.abs(a.value) / (into[a.target] || 1) - Math.abs(b.value) / (into[b.target] || 1));
  return { ...sums, edges: all, missing: rows.length - chosen.length };
}

/**
 * @param {DecisionData} data
 * @param {number[]} rows
 * @param {Asked} asked
 * @returns {{title: string, second: string}} what is explained, "zebra", and what it is set against, "horse", or ""
 */
export function describeOutput(data, rows, asked) {
  const name = (/** @type {number} */ index) => nameOutput(data, index);
  if (data.target) return { title: data.target.name, second: "" };
  const picture = rows.length === 1 ? data.pictures?.[rows[0]] : undefined;
  const outputs = picture?.classes ? chooseOutputs(picture, asked) : null;
  if (picture?.classes && outputs) {
    const [first, second] = outputs.map((output) => (output < 0 ? "" : name(picture.classes?.[output] ?? output)));
    return { title: first, second };
  }
  const { target, against } = asked; // of several pictures, each has its own
  const title = target === null ? "what it is taken for" : name(target);
  const alone = against === "alone" || against === target || (data.pictures?.[0]?.scores.length ?? 0) < 2;
  return { title, second: alone ? "" : against === "next" ? "the next" : name(against) };
}

/** @param {{title: string, second: string}} output @returns {string} */
export const sayOutput = ({ title, second }) => (second ? `${title} rather than ${second}` : title);

/** @param {Decided} decided @returns {Matrix} with the output as its last node */
function toMatrix({ nodes, edges }) {
  const matrix = Array.from({ length: nodes.length + 1 }, () => new Array(nodes.length + 1).fill(0));
  for (const { source, target, value } of edges) matrix[target][source] = value;
  return matrix;
}

/** @param {Decided} decided @param {string} kind @returns {boolean[]} which nodes are of a kind; the output is of none */
const areOf = ({ nodes }, kind) => [...nodes.map((node) => node.kind === kind), false];

/** @param {Decided} decided @returns {boolean[]} where all begins: parts of the input, else groups of the first layer */
function rootsOf(decided) {
  const inputs = areOf(decided, "input");
  if (inputs.some(Boolean)) return inputs;
  const first = decided.nodes[0]?.layer;
  return [...decided.nodes.map((node) => node.kind === "group" && node.layer === first), false];
}

/** @param {Decided} decided @returns {number[]} all weight on the output */
const startAt = ({ nodes }) => [...nodes.map(() => 0), 1];

/** @param {Decided} decided @returns {number[]} how much each node matters along all ways */
export const influenceOf = (decided) => findInfluence(toMatrix(decided), startAt(decided));

/**
 * @param {Decided} decided
 * @param {number} nodeShare
 * @param {number} edgeShare
 * @returns {{nodes: boolean[], edges: boolean[][]}} what carries these shares
 */
export function pruneDecision(decided, nodeShare, edgeShare) {
  const always = [...areOf(decided, "input").slice(0, -1), true];
  const [rests, roots] = [areOf(decided, "rest"), rootsOf(decided)];
  const starts = rests.map((rest, node) => rest || roots[node]);
  return pruneGraph(toMatrix(decided), startAt(decided), always, starts, nodeShare, edgeShare);
}

/**
 * @param {Decided} decided
 * @param {number[]|null} pinned ids of groups, all others count as unexplained; null takes all
 * @returns {{replacement: number, completeness: number}}
 */
export function scoreDecision(decided, pinned) {
  let matrix = toMatrix(decided);
  if (pinned) {
    const rest = new Map(decided.nodes.filter((node) => node.kind === "rest").map((node) => [node.layer, node.id]));
    const errorOf = decided.nodes.map((node) => (node.kind === "group" ? (rest.get(node.layer) ?? -1) : -1));
    matrix = absorb(matrix, [...errorOf, -1], [...decided.nodes.map((node) => pinned.includes(node.id)), true]);
  }
  return scoreGraph(matrix, startAt(decided), rootsOf(decided), areOf(decided, "rest"));
}

/**
 * Two decisions of the same nodes, one over the other.
 * @param {Decided} decided
 * @param {Decided} other
 * @returns {Decided} other minus this
 */
export function subtract(decided, other) {
  const theirs = new Map(other.edges.map((edge) => [`${edge.source} ${edge.target}`, edge]));
  const mine = new Map(decided.edges.map((edge) => [`${edge.source} ${edge.target}`, edge]));
  const edges = [...new Set([...mine.keys(), ...theirs.keys()])].map((key) => {
    const [a, b] = [mine.get(key), theirs.get(key)];
    const [source, target] = key.split(" ").map(Number);
    return {
      source,
      target,
      value: (b?.value ?? 0) - (a?.value ?? 0),
      proof: (b?.proof ?? 0) - (a?.proof ?? 0),
      contradicted: false,
    };
  });
  const nodes = decided.nodes.map((node, id) => {
    const found = { ...node };
    for (const key of /** @type {const} */ (["value", "bias", "push", "proof", "off", "doubled", "like"]))
      found[key] = other.nodes[id][key] - node[key];
    return found;
  });
  edges.sort((a, b) => Math.abs(a.value) - Math.abs(b.value));
  return { ...decided, nodes, edges, score: other.score - decided.score, bias: other.bias - decided.bias };
}
