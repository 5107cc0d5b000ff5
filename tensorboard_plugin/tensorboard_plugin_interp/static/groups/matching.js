/** Which groups are the same: vectors, cosines, and pairs that agree most in all. */

/** @type {Map<string, Float32Array|null>} vectors that were read, by their text */
const known = new Map();
const KEPT = 600;

/** @param {string|null|undefined} text as records carry a vector @returns {Float32Array|null} numbers -127..127 */
export function readVector(text) {
  if (!text) return null;
  let found = known.get(text);
  if (found === undefined) {
    if (known.size >= KEPT) known.clear();
    try {
      found = Float32Array.from(atob(text), (letter) => (letter.charCodeAt(0) << 24) >> 24);
    } catch {
      found = null; // written by hand, or by a later version
    }
    known.set(text, found);
  }
  return found;
}

/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b as long @returns {number} 0 of zeros */
export function cosine(a, b) {
  let [dot, one, other] = [0, 0, 0];
  for (let place = 0; place < a.length; place++) {
    dot += a[place] * b[place];
    one += a[place] * a[place];
    other += b[place] * b[place];
  }
  return one > 0 && other > 0 ? dot / Math.sqrt(one * other) : 0;
}

/**
 * Pair rows and columns so that they agree most in all (Kuhn 1955); the smaller side is used up.
 * @param {number[][]} alike
 * @returns {[number, number][]} row and column
 */
export function pairUp(alike) {
  const [rows, columns] = [alike.length, alike[0]?.length ?? 0];
  if (!rows || !columns) return [];
  if (rows > columns) {
    const turned = alike[0].map((_, column) => alike.map((row) => row[column]));
    return pairUp(turned).map(([column, row]) => /** @type {[number, number]} */ ([row, column]));
  }
  // shortest augmenting paths; place 0 stands for "none yet"
  const [low, high] = [new Array(rows + 1).fill(0), new Array(columns + 1).fill(0)];
  const owner = new Array(columns + 1).fill(0);
  for (let row = 1; row <= rows; row++) {
    owner[0] = row;
    let at = 0;
    const least = new Array(columns + 1).fill(Infinity);
    const from = new Array(columns + 1).fill(0);
    const done = new Array(columns + 1).fill(false);
    do {
      done[at] = true;
      let [step, next] = [Infinity, 0];
      for (let column = 1; column <= columns; column++) {
        if (done[column]) continue;
        const left = -alike[owner[at] - 1][column - 1] - low[owner[at]] - high[column];
        if (left < least[column]) [least[column], from[column]] = [left, at];
        if (least[column] < step) [step, next] = [least[column], column];
      }
      for (let column = 0; column <= columns; column++) {
        if (done[column]) {
          low[owner[column]] += step;
          high[column] -= step;
        } else least[column] -= step;
      }
      at = next;
    } while (owner[at]);
    for (; at; at = from[at]) owner[at] = owner[from[at]];
  }
  const pairs = owner.flatMap((row, column) => (column && row ? [/** @type {[number, number]} */ ([row - 1, column - 1])] : []));
  return pairs.sort((a, b) => a[0] - b[0]);
}
