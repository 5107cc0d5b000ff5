/** Numbers and sentences as a person reads them. */

const MINUS = "\u2212";

/**
 * A number with three sensible digits.
 * @param {number|null|undefined} value
 * @returns {string}
 */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e7 || size < 1e-4) return value.toExponential(1).replace("-", MINUS);
  const digits = size >= 1000 ? 0 : size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.095 ? 2 : size >= 0.0095 ? 3 : 4;
  return value
    .toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })
    .replace("-", MINUS);
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
  return `${share !== 0 && Math.abs(share) < 9.95 ? share.toFixed(1) : share.toFixed(0)} %`;
}

/** @param {number|null|undefined} value @returns {string} */
export function pValue(value) {
  if (value === null || value === undefined) return "–";
  return value < 0.001 ? "< 0.001" : value.toFixed(value < 0.1 ? 3 : 2);
}

/** @param {number|null|undefined} value @returns {string} */
export function whole(value) {
  return value === null || value === undefined ? "–" : value.toLocaleString("en-US");
}

/** @param {number|null|undefined} seconds @returns {string} */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 0.095) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return `${Math.round(seconds / 60)} min`;
}

/** @param {string[]|null|undefined} names @param {number|null|undefined} index @returns {string} */
export function className(names, index) {
  if (index === null || index === undefined) return "–";
  return names?.[index] ?? `class ${index}`;
}

/** @param {string} run @returns {string} the run as the user named it: records live in its folder `interp` */
export function runName(run) {
  if (run === "interp" || run === ".") return "(this folder)";
  return run.endsWith("/interp") ? run.slice(0, -"/interp".length) : run;
}

/** What a test warns of, in words; a code that is not here is shown as it is. @type {Record<string, string>} */
export const FLAGS = {
  SMALL_N: "Fewer than 30 pictures (or sources of pictures) on a side, so intervals are wide.",
  ONE_TARGET_IMAGE: "The target has a single picture, so nothing is said about other pictures of it.",
  FEW_RELABELINGS: "So few pictures or sources that no result could be significant.",
  SHARED_SOURCES: "Some sources have pictures on both sides; these are compared within the source only.",
  PAIR_ORDER: "Some counterparts look as if they belonged to other pictures: is the order the same?",
  GOES_OTHERWISE: "On the pairs themselves the logit moves the other way; the mean may hide where the concept is.",
  ONE_IMAGE: "Without a single one of the concept pictures the result would change by over half.",
  ENTANGLED: "Its vector is nearly that of another concept (cosine above .9): the two cannot be told apart.",
  SMALL_POOL: "Fewer than 60 random pictures, so specificity could not be computed.",
  POOL_REUSED: "The random sets share pictures, because the pool is too small for disjoint ones.",
  OVERLAP: "Some pictures were in several sets.",
  LOW_ACCURACY: "The layer does not tell concept from contrast better than shuffled labels.",
  UNSTABLE: "Two halves of the pictures give different concept vectors.",
  D_MUCH_LARGER: "The layer has over ten times as many dimensions as there are pictures.",
  GRAD_ZERO: "On over a tenth of the target pictures the logit does not depend on the layer at all.",
  GRAD_CONSTANT: "The gradient is the same on all target pictures, so the score can only be 0 or 1.",
  TIES: "On over a twentieth of the target pictures the concept changes nothing; they count half in the score.",
  CLASS_NOT_PREDICTED: "The network gives under half of the target pictures to this class.",
  OPTIMISTIC_P: "The published test calls most meaningless concepts significant: its p is far too small.",
  NON_FINITE: "Activations or gradients held NaN or infinite values, so nothing could be computed.",
};
const NO_CLAIM = ["GRAD_ZERO", "NON_FINITE", "OPTIMISTIC_P"];

/** @param {any} row @returns {string[]} its flags in words */
export const warnings = (row) =>
  (row.flags ?? []).map((/** @type {string} */ flag) => (Object.hasOwn(FLAGS, flag) ? FLAGS[flag] : String(flag)));

/**
 * @param {any} row
 * @param {number} alpha
 * @returns {boolean} significant after correction, and nothing forbids the claim
 */
export function isSignificant(row, alpha) {
  return (
    Number.isFinite(row.p_holm ?? NaN) &&
    row.p_holm <= alpha &&
    !(row.flags ?? []).some((/** @type {string} */ flag) => NO_CLAIM.includes(flag))
  );
}

/** @param {any} row @param {number} alpha @returns {string} what a test found, in two words */
export function verdict(row, alpha) {
  if (row.displacement === null || row.displacement === undefined) return "not tested";
  if (!isSignificant(row, alpha)) return "no evidence";
  return row.displacement > 0 ? "raises it" : "lowers it";
}

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

/** @param {any} row @returns {string} what is changed, as the subject of a sentence */
function subject(row) {
  const name = `the concept “${row.concept}”`;
  if (row.contrast === "continuous") return `a standard deviation more of ${name}`;
  if (row.contrast !== "relative") return `adding ${name}`;
  const others = Array.isArray(row.against) ? row.against.map((/** @type {string} */ other) => `“${other}”`) : [];
  return `${name} rather than ${others.length && others.length < 4 ? others.join(" or ") : "the other concepts"}`;
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
    const text = value.toFixed(digits);
    return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", MINUS);
  });
}

/** @param {any} row @param {number} [sign] @returns {string} such as `1.33 [1.10, 1.50]` */
export function interval(row, sign = 1) {
  const turn = (/** @type {number|null|undefined} */ value) =>
    value === null || value === undefined ? value : sign * value;
  const ends = sign > 0 ? [row.ci_low, row.ci_high] : [row.ci_high, row.ci_low];
  const [value, low, high] = together([turn(row.displacement), ...ends.map(turn)]);
  return low === "–" ? value : `${value} [${low}, ${high}]`;
}

/**
 * The finding of one test as a sentence.
 * @param {any} row
 * @param {number} step
 * @param {number} alpha
 * @returns {string}
 */
export function conceptSentence(row, step, alpha) {
  const when = step > 0 ? `At step ${whole(step)}, ` : "";
  const how = subject(row);
  const start = when ? when + how : how[0].toUpperCase() + how.slice(1);
  const known = row.null_low !== null && row.null_high !== null && row.null_low !== undefined;
  const chance = together([row.null_low, row.null_high]).join(" to ");
  if (row.displacement === null || row.displacement === undefined)
    return `${start} could not be tested for “${row.target}”.`;
  if (isSignificant(row, alpha)) {
    const what = row.displacement > 0 ? "raises" : "lowers";
    const size = interval(row, Math.sign(row.displacement));
    const luck = known ? `; permuted labels give ${chance}` : "";
    return `${start} ${what} the logit of “${row.target}” by ${size}${luck}.`;
  }
  return (
    `${start} changes the logit of “${row.target}” by ${interval(row)}` +
    `${known ? `; permuted labels give ${chance}` : ""}: no evidence that the decision depends on it.`
  );
}

/** @param {number} count @param {string} one @param {string} [many] @returns {string} */
export function plural(count, one, many = `${one}s`) {
  return `${whole(count)} ${count === 1 ? one : many}`;
}
