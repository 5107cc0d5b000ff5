/** Tables as CSV (RFC 4180), which no spreadsheet takes for a program. */

const FORMULA = /^[=+\-@\t\r]/; // how a cell begins that a spreadsheet would compute
const NUMBER = /^[\u2212+-]?(\d[\d,]*)?\.?\d+(e[\u2212+-]?\d+)?$/i;

/**
 * @typedef {string|number|boolean|null|undefined} Value
 * @typedef {{header: string[], rows: Value[][]}} Table
 */

/** @param {Value} value @returns {string} one cell; a text that looks like a formula begins with an apostrophe */
function cellOf(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
  if (typeof value === "boolean") return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** @param {Table} table @returns {string} with a line for the names of the columns */
export function csvOf({ header, rows }) {
  return [header, ...rows].map((row) => `${row.map(cellOf).join(",")}\r\n`).join("");
}

/** @param {string} text as it is shown @returns {Value} the number that it says, if it says one */
export function valueOf(text) {
  const said = text.trim();
  return NUMBER.test(said) ? Number(said.replaceAll("\u2212", "-").replaceAll(",", "")) : said;
}
