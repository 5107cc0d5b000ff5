/** Numbers and sentences as a person reads them: the one place where a number becomes text (`tests/format.mjs` holds to it). */

const MINUS = "\u2212";

/** @param {string} text of a number @returns {string} with a minus in place of a hyphen, and none before nothing but zeros */
const minus = (text) => (/[1-9]/.test(text) ? text : text.replace("-", "")).replaceAll("-", MINUS);

/** @type {Map<number, Intl.NumberFormat>} each made once: that takes longer than to write a hundred numbers */
const formats = new Map();

/** @param {number} value @param {number} digits @returns {string} with so many decimals */
export function decimals(value, digits) {
  let format = formats.get(digits);
  if (!format) {
    format = new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    formats.set(digits, format);
  }
  return minus(format.format(value));
}

/** @param {number} value @returns {string} as SVG and CSS read it */
export const coordinate = (value) => value.toFixed(1);

/**
 * A number with three sensible digits.
 * @param {number|null|undefined} value
 * @returns {string}
 */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e7 || size < 1e-4) return minus(value.toExponential(1));
  const digits = size >= 1000 ? 0 : size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.095 ? 2 : size >= 0.0095 ? 3 : 4;
  return decimals(value, digits);
}

/** @param {number|null|undefined} value @returns {string} with + or − before it */
export function signed(value) {
  const text = number(value);
  return value !== null && value !== undefined && value > 0 ? `+${text}` : text;
}

/** @param {number|null|undefined} value 0..1 @returns {string} */
export function percent(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const share = value * 100;
  return `${decimals(share, share !== 0 && Math.abs(share) < 9.95 ? 1 : 0)} %`;
}

/** @param {number|null|undefined} value @returns {string} with two digits, as the record's sentences say it */
export function pValue(value) {
  return value === null || value === undefined ? "–" : minus(String(Number(value.toPrecision(2))));
}

/** @param {number|null|undefined} value @returns {string} */
export function whole(value) {
  if (value === null || value === undefined) return "–";
  return Number.isInteger(value) ? decimals(value, 0) : minus(value.toLocaleString("en-US"));
}

/** @param {number|null|undefined} seconds @returns {string} */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 0.095) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return `${Math.round(seconds / 60)} min`;
}

/**
 * @param {number} seconds since then; clocks of two machines differ, so a bit of the future is now
 * @param {string} date what is said after a day
 * @returns {string} such as "12 s ago"
 */
export function ago(seconds, date) {
  if (seconds < 5) return "just now";
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 24 * 3600 ? `${Math.round(seconds / 3600)} h ago` : date;
}

/**
 * @param {string[]|null|undefined} names
 * @param {number|number[]|null|undefined} index of a class, or of several that are true together
 * @returns {string}
 */
export function className(names, index) {
  if (index === null || index === undefined) return "–";
  if (Array.isArray(index)) return index.map((item) => className(names, item)).join(", ") || "none";
  return names?.[index] ?? `class ${index}`;
}

/**
 * @param {{probe?: any, class_names?: string[]|null}} data
 * @param {number} row
 * @returns {string} a name that a person can say: the file, or which one it is and what it was taken for
 */
export function namePicture({ probe, class_names: names }, row) {
  const id = probe?.ids?.[row];
  if (id && !/^[0-9a-f]{12,}$/.test(id)) return id;
  const predicted = probe?.predictions?.[row];
  const said = predicted === undefined || predicted === null ? "" : `, taken for ${className(names, predicted)}`;
  return `picture ${row + 1}${said}`;
}

/**
 * Records live in the folder `interp` of a run; where its log directory was used again, in `interp-2` and so on.
 * @param {string} run
 * @returns {{base: string, session: number}} the run as the user named it, and which of its trainings this is, from 1
 */
export function splitRun(run) {
  const match = run.match(/^(?:(.*)\/)?interp(?:-([2-9]|[1-9][0-9]+))?$/);
  return match ? { base: match[1] ?? "", session: Number(match[2] ?? 1) } : { base: run === "." ? "" : run, session: 1 };
}

/** @param {string} run @returns {string} as a person reads it */
export function runName(run) {
  const { base, session } = splitRun(run);
  return `${base || "(this folder)"}${session > 1 ? `, session ${session}` : ""}`;
}

/** @param {string[]} runs @returns {string[]} by name, the sessions of a run in their order */
export function sortRuns(runs) {
  const split = runs.map((run) => ({ run, ...splitRun(run) }));
  split.sort((one, other) => (one.base < other.base ? -1 : one.base > other.base ? 1 : one.session - other.session));
  return split.map(({ run }) => run);
}

/** One for all: `localeCompare` with options makes one anew for each pair, and 1,500 runs are 15,000 pairs. */
const NAMES = new Intl.Collator("en", { numeric: true });

/** @param {string} a @param {string} b @returns {number} order in which "conv2" stands before "conv10" */
export const byName = (a, b) => NAMES.compare(a, b);

/** What is compared with what, in words, the clearest comparison first. @type {Record<string, string>} */
export const CONTRASTS = {
  paired: "the same pictures with and without",
  random: "against random pictures",
  continuous: "more of it against less",
  relative: "against the other concepts",
};

/** @param {any[]} tests @returns {string[]} the contrasts that occur, in the order of `CONTRASTS` */
export function contrastsOf(tests) {
  const found = [...new Set(tests.map((row) => row.contrast))];
  const rank = (/** @type {string} */ name) => (Object.keys(CONTRASTS).indexOf(name) + 99) % 99;
  return found.sort((a, b) => rank(a) - rank(b));
}

/**
 * Numbers that are read together, with the same number of decimals: those that the largest needs, one more below 10.
 * @param {(number|null|undefined)[]} values
 * @returns {string[]}
 */
export function together(values) {
  const known = values
    .filter((value) => Number.isFinite(value ?? NaN))
    .map((value) => Math.abs(/** @type {number} */ (value)));
  const size = Math.max(...known, 0);
  if (size >= 1e6 || (size > 0 && size < 0.001)) return values.map(number);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : size >= 0.01 ? 3 : 4;
  return values.map((value) => {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    return minus(value.toFixed(digits));
  });
}

/** @param {any} row @returns {string} such as `1.33 [1.10, 1.50]` */
export function interval(row) {
  const [value, low, high] = together([row.displacement, row.ci_low, row.ci_high]);
  return low === "–" ? value : `${value} [${low}, ${high}]`;
}

/** @param {number} count @param {string} one @param {string} [many] @returns {string} */
export function plural(count, one, many = `${one}s`) {
  return `${whole(count)} ${count === 1 ? one : many}`;
}

/**
 * @param {{data: {quantity?: string, output?: {quantity?: string}}}} record
 * @returns {string} what scores are: "logit", or what stands for it
 */
export const quantityOf = (record) => record.data.quantity ?? record.data.output?.quantity ?? "logit";
