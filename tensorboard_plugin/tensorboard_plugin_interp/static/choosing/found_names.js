/** Which names a text finds, as TensorBoard's own filter of runs does. */

/**
 * @param {string[][]} options each `[value, text]`
 * @param {string} text a part of a name or a regular expression; upper and lower case are the same
 * @returns {{found: string[][], broken: boolean}} `broken`: it is no regular expression, and was looked for as it is
 */
export function findNames(options, text) {
  if (!text) return { found: options, broken: false };
  const part = text.toLowerCase();
  let pattern = null;
  try {
    pattern = new RegExp(text, "i");
  } catch {
    // half typed, or no expression at all
  }
  const has = (/** @type {string} */ name) => name.toLowerCase().includes(part) || (pattern?.test(name) ?? false);
  return { found: options.filter(([value, name]) => has(name) || (value !== "" && has(value))), broken: pattern === null };
}
