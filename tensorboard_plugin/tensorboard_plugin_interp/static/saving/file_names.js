/** What a file is called that is saved from the tab. */

const LONGEST = 60; // letters of one part

/** @param {string} text @returns {string} the same without anything that a file system or a shell takes ill */
function plain(text) {
  const safe = text.normalize("NFC").replace(/[^\p{L}\p{N}._]+/gu, "-").slice(0, LONGEST);
  return safe.replace(/^[-._]+|[-._]+$/g, "");
}

/**
 * @param {(string|number|null|undefined)[]} parts run, layer, thing, step; those that are empty are left out
 * @param {string} ending such as "png"
 * @returns {string}
 */
export function fileName(parts, ending) {
  const words = parts.map((part) => plain(String(part ?? ""))).filter(Boolean);
  return `${words.join("_") || "interpretability"}.${ending}`;
}
