/** Many things in pages, and what the address says of them. */

export const PAGE = 48; // cards on a page

/**
 * @param {number} count of things
 * @param {number} asked page, from 1
 * @param {number} [size] of a page
 * @returns {{page: number, pages: number, from: number, to: number}} the page that there is nearest to it, and which
 *   things are on it: `from` and the one after the last
 */
export function pageOf(count, asked, size = PAGE) {
  const pages = Math.max(1, Math.ceil(count / size));
  const page = Math.min(pages, Math.max(1, Number.isInteger(asked) ? asked : 1));
  return { page, pages, from: (page - 1) * size, to: Math.min(count, page * size) };
}

/**
 * @param {number} page
 * @param {number} pages
 * @returns {(number|null)[]} numbers to choose from: the first, the last and those around the one that is shown; null
 *   where some are left out
 */
export function pageNumbers(page, pages) {
  const near = new Set([1, pages, page - 1, page, page + 1]);
  if (page <= 4) [2, 3, 4, 5].forEach((number) => near.add(number));
  if (page >= pages - 3) [1, 2, 3, 4].forEach((by) => near.add(pages - by));
  const kept = [...near].filter((number) => number >= 1 && number <= pages).sort((a, b) => a - b);
  return kept.flatMap((number, place) => (place && number - kept[place - 1] > 1 ? [null, number] : [number]));
}

/**
 * @param {string} said what the address says: JSON, a page for each thing that has several
 * @param {string} key
 * @returns {number} the page of a thing, 1 if nothing is said
 */
export function readPage(said, key) {
  return read(said)[key] ?? 1;
}

/** @param {string} said @param {string} key @param {number} page @returns {string} the same with another page; "" if all are the first */
export function writePage(said, key, page) {
  const all = Object.entries({ ...read(said), [key]: page }).filter(([, one]) => one > 1);
  return all.length ? JSON.stringify(Object.fromEntries(all)) : "";
}

/** @param {string} said @returns {Record<string, number>} */
function read(said) {
  try {
    const all = Object.entries(JSON.parse(said || "{}")).filter(([, page]) => Number.isInteger(page));
    return Object.fromEntries(/** @type {[string, number][]} */ (all));
  } catch {
    return {}; // a link broken by hand
  }
}
