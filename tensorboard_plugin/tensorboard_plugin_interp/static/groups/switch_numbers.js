/**
 * What becomes of a decision without some groups: exact, since the outputs of all combinations were recorded.
 *
 * @import { SwitchedPicture } from "../records.js"
 */

/**
 * @param {number} groups how many there are
 * @param {number[]} off which of them are switched off
 * @returns {number} the place of this combination in the lists of a picture: bit k stands for group k
 */
export function subsetOf(groups, off) {
  return off.reduce((subset, group) => subset & ~(1 << group), (1 << groups) - 1);
}

/**
 * @param {SwitchedPicture} picture
 * @param {number} groups
 * @param {(outputs: number[]) => number} score of the recorded classes
 * @returns {number[]} for each group the mean change of the score over all orders in which groups can be switched on
 */
export function shapleyOf({ outputs }, groups, score) {
  const scores = outputs.map(score);
  const factorial = [1];
  for (let count = 1; count <= groups; count++) factorial.push(factorial[count - 1] * count);
  const share = Array.from({ length: groups }, (_, size) => (factorial[size] * factorial[groups - size - 1]) / factorial[groups]);
  return Array.from({ length: groups }, (_, group) =>
    scores.reduce((sum, value, subset) => {
      if (subset & (1 << group)) return sum;
      const size = Array.from({ length: groups }, (_, other) => (subset >> other) & 1).reduce((a, b) => a + b, 0);
      return sum + share[size] * (scores[subset | (1 << group)] - value);
    }, 0),
  );
}

/**
 * Which groups of a layer are switched off, as the address says it: "conv3~0.2|conv2~1".
 * @param {string} text
 * @param {string} layer
 * @param {number} groups how many there are
 * @returns {number[]}
 */
export function readOff(text, layer, groups) {
  const found = text.split("|").find((part) => part.slice(0, part.lastIndexOf("~")) === layer);
  const numbers = (found ?? "").slice((found ?? "").lastIndexOf("~") + 1).split(".");
  return [...new Set(numbers.filter((part) => /^\d+$/.test(part)).map(Number))].filter((group) => group < groups);
}

/**
 * @param {string} text as the address says it
 * @param {string} layer
 * @param {number[]} off
 * @returns {string} the same with these groups of a layer off
 */
export function writeOff(text, layer, off) {
  const others = text.split("|").filter((part) => part && part.slice(0, part.lastIndexOf("~")) !== layer);
  return [...others, ...(off.length ? [`${layer}~${[...off].sort((a, b) => a - b).join(".")}`] : [])].join("|");
}
