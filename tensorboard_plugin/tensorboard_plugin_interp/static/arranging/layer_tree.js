/** Names with slashes as the tree that they are; names without stay a plain list. */

/** @param {string} name @returns {string[]} the folders that it is in, from the outermost */
const foldersOf = (name) => name.split("/").slice(0, -1);

/**
 * @param {string[]} names sorted
 * @returns {{alone: string[], groups: [string, string[][]][]}} for a menu of few entries: names that are alone in their
 *   folder, or in none, and for each folder with several the folder and its entries `[name, last part]`
 */
export function groupByFolder(names) {
  const folder = (/** @type {string} */ name) => foldersOf(name).join("/");
  /** @type {Map<string, string[]>} */
  const folders = new Map();
  for (const name of names) folders.set(folder(name), [...(folders.get(folder(name)) ?? []), name]);
  const isAlone = (/** @type {string} */ name) => folder(name) === "" || folders.get(folder(name))?.length === 1;
  return {
    alone: names.filter(isAlone),
    groups: [...folders]
      .filter(([, inside]) => !isAlone(inside[0]))
      .map(([title, inside]) => [title, inside.map((name) => [name, name.slice(title.length + 1)])]),
  };
}

/**
 * @param {string} name
 * @param {string} before the name above it in the list; "" for none
 * @returns {{headings: {text: string, depth: number}[], text: string, depth: number}} for a long list: the folders to
 *   open above it, and what is left of the name, with how deep both are
 */
export function lineOf(name, before) {
  const [folders, known] = [foldersOf(name), foldersOf(before)];
  const differs = folders.findIndex((folder, depth) => folder !== known[depth]);
  const first = differs < 0 ? folders.length : differs;
  return {
    headings: folders.slice(first).map((text, place) => ({ text, depth: first + place })),
    text: name.split("/").at(-1) ?? name,
    depth: folders.length,
  };
}
