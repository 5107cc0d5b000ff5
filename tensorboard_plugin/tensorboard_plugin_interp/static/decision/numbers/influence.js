/**
 * Which nodes and edges of a graph carry the decision, and how far the graph is to be trusted. Pure functions.
 *
 * Source: Ameisen et al., Circuit Tracing, 2025, "Graph pruning" and "Graph scores"; as `tf_interp.graph.influence`.
 *
 * @typedef {number[][]} Matrix `matrix[target][source]`, without a circle
 */

/** @param {Matrix} edges @returns {Matrix} sizes, each row with sum 1 or 0 */
function normalizeRows(edges) {
  return edges.map((row) => {
    const total = row.reduce((sum, value) => sum + Math.abs(value), 0);
    return row.map((value) => (total > 0 ? Math.abs(value) / total : 0));
  });
}

/**
 * @param {Matrix} edges
 * @param {number[]} start weight of each output, 0 elsewhere
 * @returns {number[]} how much each node matters to the outputs, along all ways
 */
export function findInfluence(edges, start) {
  const shares = normalizeRows(edges);
  const found = start.map(() => 0);
  let step = start;
  for (let round = 0; round < edges.length && step.some((value) => value !== 0); round++) {
    const next = start.map(() => 0);
    step.forEach((weight, target) => {
      if (weight) shares[target].forEach((share, source) => (next[source] += weight * share));
    });
    next.forEach((value, node) => (found[node] += value));
    step = next;
  }
  return found;
}

/**
 * @param {Matrix} edges
 * @param {number[]} start
 * @param {boolean[]} inputs
 * @param {boolean[]} errors nodes that stand for what nothing names
 * @returns {{replacement: number, completeness: number}} share of the way back to the input that passes through named
 *   nodes; share of what comes into a node that is named
 */
export function scoreGraph(edges, start, inputs, errors) {
  const influence = findInfluence(edges, start);
  const sum = (/** @type {boolean[]} */ which) =>
    influence.reduce((total, value, node) => total + (which[node] ? value : 0), 0);
  const [known, unknown] = [sum(inputs), sum(errors)];
  let weights = 0;
  let complete = 0;
  normalizeRows(edges).forEach((row, node) => {
    if (!row.some((share) => share > 0)) return;
    const weight = influence[node] + start[node];
    weights += weight;
    complete += weight * (1 - row.reduce((total, share, source) => total + (errors[source] ? share : 0), 0));
  });
  return {
    replacement: known + unknown > 0 ? known / (known + unknown) : 0,
    completeness: weights > 0 ? complete / weights : 0,
  };
}

/**
 * @param {Matrix} edges
 * @param {number[]} errorOf the error node of each node's layer; -1 for nodes that stay whatever is kept
 * @param {boolean[]} kept
 * @returns {Matrix} in which every node that is not kept has become part of its layer's error node
 */
export function absorb(edges, errorOf, kept) {
  const found = edges.map((row) => row.map(Math.abs));
  errorOf.forEach((error, node) => {
    if (kept[node] || error < 0) return;
    for (const row of found) {
      row[error] += row[node];
      row[node] = 0;
    }
    found[node].fill(0);
  });
  return found;
}

/**
 * @param {number[]} weights
 * @param {number} share
 * @returns {boolean[]} the smallest set of entries that together carry a share of the sum
 */
function carry(weights, share) {
  const order = weights.map((_, index) => index).sort((a, b) => weights[b] - weights[a]);
  const total = weights.reduce((sum, value) => sum + value, 0);
  const chosen = weights.map(() => false);
  let running = 0;
  for (const index of order) {
    if (weights[index] <= 0) break;
    chosen[index] = true;
    running += weights[index];
    if (running >= share * total * (1 - 1e-12)) break;
  }
  return chosen;
}

/**
 * @param {Matrix} edges
 * @param {number[]} start
 * @param {boolean[]} always nodes that stay: inputs and outputs
 * @param {boolean[]} errors nodes that need no edge in
 * @param {number} nodeShare of the summed influence that the kept nodes carry
 * @param {number} edgeShare of the summed edge scores that the kept edges carry
 * @returns {{nodes: boolean[], edges: boolean[][]}} what stays
 */
export function pruneGraph(edges, start, always, errors, nodeShare, edgeShare) {
  let keep = carry(findInfluence(edges, start), nodeShare).map((kept, node) => kept || always[node]);
  const left = edges.map((row, target) => row.map((value, source) => (keep[target] && keep[source] ? value : 0)));
  const influence = findInfluence(left, start).map((value, node) => value + start[node]);
  const size = edges.length;
  const scores = normalizeRows(left).flatMap((row, target) => row.map((share) => share * influence[target]));
  const flat = carry(scores, edgeShare);
  let links = edges.map((_, target) => flat.slice(target * size, (target + 1) * size));
  for (;;) {
    const alive = keep.map(
      (kept, node) =>
        always[node] ||
        (kept && links.some((row) => row[node]) && (links[node].some(Boolean) || errors[node])),
    );
    const still = links.map((row, target) => row.map((kept, source) => kept && alive[target] && alive[source]));
    const same = JSON.stringify([alive, still]) === JSON.stringify([keep, links]);
    [keep, links] = [alive, still];
    if (same) return { nodes: keep, edges: links };
  }
}
