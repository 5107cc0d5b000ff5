/**
 * The settings of a record as sentences. A key that no sentence tells, such as one of a later version, and a value of
 * another type than expected stay what they are: a name and a value.
 */
import { duration, number, percent, plural, whole } from "../format.js";

/** What methods of attribution do, in a few words. @type {Record<string, string>} */
const METHODS = {
  gradient: "gradient: how the target would change, to first order",
  gradient_x_input: "gradient × activation: what each position adds to the target, to first order",
  integrated_gradients: "integrated gradients: gradients added up on the way from a baseline",
  expected_gradients: "expected gradients: integrated gradients, averaged over baselines from data",
  smoothgrad: "SmoothGrad: gradients averaged over noisy copies of the picture",
  grad_cam: "Grad-CAM: activations weighted by the mean gradient of their channel",
  lrp: "layer-wise relevance propagation",
  occlusion: "occlusion: parts are covered, one after the other",
  rise: "RISE: random masks, weighted by what the target becomes",
  shapley: "Shapley values, estimated by switching parts off",
};

/** What factorizes. @type {Record<string, string>} */
const FACTORIZERS = {
  nmf: "non-negative matrix factorization (NMF)",
  semi_nmf: "semi-NMF, whose directions may be negative",
  split_nmf: "NMF of the positive and the negative part side by side",
  sparse: "sparse coding",
  archetypal: "archetypal analysis",
};

/** What an icon or a cell shows. @type {Record<string, string>} */
const SHOWN = {
  crops: "parts of the probe pictures",
  draw: "drawn by feature visualization",
};

/** How the vector of a concept is found. @type {Record<string, string>} */
const VECTORS = {
  mean: "the difference of the mean activations",
  ridge: "the weights of a ridge regression",
  logistic: "the weights of a logistic regression",
  hinge: "the weights of a linear support vector machine",
};

/** Gives out settings by key and type, and knows which were never asked for. */
class Settings {
  /** @param {unknown} settings */
  constructor(settings) {
    /** @type {Record<string, any>} */
    this.all = settings && typeof settings === "object" && !Array.isArray(settings) ? settings : {};
    /** @type {Set<string>} */
    this.told = new Set();
  }

  /**
   * @param {string} key
   * @param {(value: any) => boolean} fits
   * @returns {any} the value; undefined where it is missing or does not fit
   */
  take(key, fits) {
    if (!Object.hasOwn(this.all, key) || !fits(this.all[key])) return undefined;
    this.told.add(key);
    return this.all[key];
  }

  /** @param {string} key @returns {number|undefined} */
  number(key) {
    return this.take(key, Number.isFinite);
  }

  /** @param {string} key @param {string[]} known @returns {string|undefined} */
  oneOf(key, known) {
    return this.take(key, (value) => typeof value === "string" && known.includes(value));
  }

  /** @param {string} key @returns {boolean|undefined} */
  truth(key) {
    return this.take(key, (value) => typeof value === "boolean");
  }

  /** @param {string} key @returns {Record<string, number>|undefined} name -> count */
  counts(key) {
    return this.take(key, (value) => isObject(value) && Object.values(value).every(Number.isFinite));
  }

  /** @param {string} key @returns {string[]|undefined} */
  names(key) {
    return this.take(key, (value) => Array.isArray(value) && value.every((one) => typeof one === "string"));
  }

  /** @param {string} key @returns {boolean} whether it says that there is none; then it is told by silence */
  none(key) {
    const empty = (/** @type {any} */ value) =>
      value === null || (typeof value === "object" && Object.keys(value).length === 0);
    return this.take(key, empty) !== undefined;
  }

  /** @returns {[string, string][]} what was never asked for */
  rest() {
    return Object.entries(this.all)
      .filter(([key]) => !this.told.has(key))
      .map(([key, value]) => [key, show(value)]);
  }
}

/** @param {unknown} value @returns {boolean} */
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** @param {unknown} value @returns {string} */
function show(value) {
  if (typeof value === "number") return Number.isInteger(value) ? whole(value) : number(value);
  return value === null || typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** @param {string[]} names @returns {string} such as "a, b and c" */
function list(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;
}

/** @param {Record<string, number>} counts @returns {string} such as "a (3 pictures)" */
const counted = (counts) => list(Object.entries(counts).map(([name, count]) => `${name} (${plural(count, "picture")})`));

/** @param {Settings} settings @param {string} of what the seed decides @returns {string} "" where there is none */
function seed(settings, of) {
  const value = settings.number("seed");
  return value === undefined ? "" : `Seed of ${of}: ${value}.`;
}

/** @type {Record<string, string>} */
const PRIORS = {
  photographs: "frequencies and colors come as easily as in photographs, on mid-grey.",
  probe: "frequencies, colors, values and background are those of the probe's pictures, none far stronger.",
};

/** @param {Settings} settings @param {string} what is drawn @returns {string} what it is like; "" if nobody says */
function likeness(settings, what) {
  const param = settings.oneOf("param", Object.keys(PRIORS));
  return param === undefined ? "" : what + PRIORS[param];
}

/** @param {Settings} settings @returns {string[]} */
function tellFeatures(settings) {
  const [steps, warm] = [settings.number("steps"), settings.truth("warm")];
  const at = settings.oneOf("at", ["channel", "neuron"]);
  const [choice, count] = [settings.oneOf("choice", ["variance", "named"]), settings.number("units")];
  const accent = settings.number("accentuated");
  const from = warm === undefined ? "" : warm ? ", from the picture of the look before" : ", from noise";
  return [
    steps === undefined ? "" : `${plural(steps, "optimization step")} for each picture${from}.`,
    at === undefined
      ? ""
      : at === "channel"
        ? "A picture shall excite its channel at all positions, so it shows a texture."
        : "A picture shall excite its channel at the central position only, so it shows one receptive field.",
    choice === "variance"
      ? "Channels: those that differed most between the probe pictures at the first look; they stay the same."
      : choice === "named"
        ? "Channels: those that were asked for by number."
        : "",
    count === undefined ? "" : `${plural(count, "channel")} asked for.`,
    likeness(settings, "Pictures: "),
    accent === undefined
      ? ""
      : `Made stronger in a probe picture: no more than ${number(accent)} is changed (root mean square of its values, 0 to 1).`,
    seed(settings, "the noise and of the random shifts"),
  ];
}

/** @param {Settings} settings @param {any} data @returns {string[]} */
function tellGroups(settings, { method: label }) {
  const [k, images] = [settings.number("k"), settings.number("images")];
  const method = settings.take("method", (value) => typeof value === "string" && value !== "");
  const by = typeof label === "string" && label ? label : method === "auto" ? "" : (method ?? "");
  const words = Object.hasOwn(FACTORIZERS, by) ? FACTORIZERS[by] : by;
  const chosen = method === "auto" ? ", chosen by what the layer does" : "";
  return [
    k === undefined
      ? ""
      : `Activations${images === undefined ? "" : ` of ${plural(images, "probe picture")}`} were factorized into ${plural(k, "group")}, as asked for.`,
    words || chosen ? `Method: ${words || "automatic"}${chosen}.` : "",
    likeness(settings, "Icons: "),
    seed(settings, "the factorization and of the icons"),
  ];
}

/** @param {Settings} settings @returns {string[]} */
function tellAttribution(settings) {
  const method = settings.take("method", (value) => typeof value === "string" && value !== "");
  const count = settings.number("pictures");
  const words = method && (Object.hasOwn(METHODS, method) ? METHODS[method] : method.replaceAll("_", " "));
  return [
    method ? `Method: ${words}.` : "",
    count === undefined ? "" : `Explained: the first ${plural(count, "probe picture")}.`,
  ];
}

/** @param {Settings} settings @returns {string[]} */
function tellDecision(settings) {
  const [count, cells] = [settings.number("pictures"), settings.number("cells")];
  const layers = settings.names("layers");
  const k = layers && settings.take("k", (value) => Array.isArray(value) && value.length === layers.length && value.every(Number.isFinite));
  return [
    count === undefined ? "" : `Explained: the first ${plural(count, "probe picture")}.`,
    cells === undefined ? "" : `A picture is cut into ${cells} × ${cells} regions.`,
    layers?.length
      ? `Joined: ${list(layers.map((layer, place) => (k ? `${layer} (${plural(k[place], "group")})` : layer)))}.`
      : "",
  ];
}

/** @param {Settings} settings @returns {string[]} */
function tellDictionary(settings) {
  const [count, groups] = [settings.number("pictures"), settings.number("groups")];
  const [icons, grid] = [settings.oneOf("icons", Object.keys(SHOWN)), settings.oneOf("grid", Object.keys(SHOWN))];
  const channels = groups === undefined && settings.none("groups");
  return [
    count === undefined ? "" : `Shown: the first ${plural(count, "probe picture")}.`,
    groups !== undefined ? `Words are ${plural(groups, "group")} of channels.` : channels ? "Words are single channels." : "",
    icons ? `Icons: ${SHOWN[icons]}.` : settings.none("icons") ? "No icons." : "",
    grid ? `Cells of the grid: ${SHOWN[grid]}.` : settings.none("grid") ? "No grid." : "",
    likeness(settings, "What is drawn: "),
  ];
}

/** @param {Settings} settings @returns {string[]} */
function tellConcepts(settings) {
  const [concepts, targets] = [settings.counts("concepts"), settings.counts("targets")];
  const [pool, paired, layers] = [settings.number("random"), settings.names("paired"), settings.names("layers")];
  const [alpha, permutations] = [settings.number("alpha"), settings.number("permutations")];
  const [bootstraps, runs] = [settings.number("bootstraps"), settings.number("runs")];
  const [method, cav] = [settings.oneOf("method", ["displacement", "kim2018"]), settings.oneOf("cav", Object.keys(VECTORS))];
  const pooling = settings.oneOf("pooling", ["mean", "flat"]);
  const relative = settings.oneOf("relative", ["union", "pairs", "none"]);
  settings.counts("classes"); // numbers of the targets, whose names are told
  settings.none("hierarchy");
  return [
    concepts ? `Concepts: ${counted(concepts)}.` : "",
    paired?.length ? `The same pictures without it: for ${list(paired)}.` : "",
    pool !== undefined ? `Random pictures: ${whole(pool)}.` : settings.none("random") ? "No random pictures." : "",
    targets ? `Asked about: ${counted(targets)}.` : "",
    layers?.length ? `Tested together: ${list(layers)}.` : "",
    method === "kim2018" ? "Method: as in the TCAV paper, t-test of scores." : "",
    method === "displacement" ? "Method: the gradient times the difference of mean activations between concept and contrast, first order." : "",
    cav ? `Concept vector: ${VECTORS[cav]}.` : "",
    pooling === "mean" ? "Activations are averaged over positions." : pooling ? "Each position counts by itself." : "",
    permutations ? `Chance: ${plural(permutations, "permutation")} of the labels.` : "",
    runs === undefined ? "" : `${plural(runs, "run")} against random pictures.`,
    bootstraps ? `Intervals: ${plural(bootstraps, "bootstrap sample")}.` : "",
    alpha === undefined ? "" : `Level: ${percent(alpha)}.`,
    relative === "union" || relative === "pairs"
      ? `Concepts are also compared with ${relative === "union" ? "all the others together" : "each other one"}.`
      : "",
    settings.truth("grouped") ? "Pictures of one source stay together." : "",
    seed(settings, "permutations and samples"),
  ];
}

/** By kind. @type {Record<string, (settings: Settings, data: any) => string[]>} */
const TELL = {
  features: tellFeatures,
  groups: tellGroups,
  attribution: tellAttribution,
  decision: tellDecision,
  dictionary: tellDictionary,
  concepts: tellConcepts,
};

/**
 * @param {{kind: string, step: number, data: any}} record
 * @returns {{sentences: string[], rest: [string, string][]}} how it was made, and the settings that no sentence tells
 */
export function tellMade({ kind, step, data }) {
  const settings = new Settings(data.settings);
  const told = Object.hasOwn(TELL, kind) ? TELL[kind](settings, data) : [];
  const { name, weights } = data.model ?? {};
  const model = name ? `Model: ${name}${weights ? `, weights ${weights}` : ""}. ` : "";
  const time = Number.isFinite(data.seconds) ? `, in ${duration(data.seconds)}` : "";
  return {
    sentences: [...told.filter((sentence) => sentence !== ""), `${model}Made at step ${whole(step)}${time}.`],
    rest: settings.rest(),
  };
}
