/**
 * Where answers come from in TensorBoard: the routes of the plugin, as `http_api.md` describes them.
 *
 * @import { Source } from "./model.js"
 */
import { RunList } from "./asking/run_list.js";

// Characters that turn the text after them around, as JSON in ASCII writes them: no name may rewrite a sentence.
const OVERRIDES = /\\u(202[a-e]|206[6-9])/gi;

/** @param {string} text JSON in ASCII @returns {any} what it says, without characters that turn text around */
export function parseAnswer(text) {
  return JSON.parse(text.replace(OVERRIDES, "\\ufffd"));
}

/**
 * @param {URL} url of a picture
 * @param {Record<string, number>} [changed] parameters
 * @returns {string} the address, written in one way, so that one that was guessed is the one that is told
 */
function toAddress(url, changed = {}) {
  for (const [key, value] of Object.entries(changed)) url.searchParams.set(key, String(value));
  url.search = url.searchParams.toString();
  return url.href;
}

/** @returns {Source} the routes beside this file; relative, so that a path prefix or a proxy does not matter */
export function httpSource() {
  const base = new URL("../", import.meta.url);
  /** @param {string} route @param {Record<string, string|number>} parameters @param {RequestInit} [how] */
  const askText = async (route, parameters, how) => {
    const url = new URL(route, base);
    for (const [key, value] of Object.entries(parameters)) url.searchParams.set(key, String(value));
    let response;
    try {
      response = await fetch(url, how);
    } catch {
      throw new Error("TensorBoard does not answer. Is it still running?");
    }
    const text = await response.text();
    if (response.ok) return text;
    let said = "";
    try {
      said = JSON.parse(text).error;
    } catch {
      // not an answer of ours
    }
    const problem = new Error(said || `TensorBoard answered with error ${response.status}.`);
    throw Object.assign(problem, { status: response.status });
  };
  const ask = async (/** @type {Parameters<typeof askText>} */ ...asked) => parseAnswer(await askText(...asked));
  /** @template {{images: string[]}} T @param {T} entry @returns {T} */
  const absolute = (entry) => ({ ...entry, images: entry.images.map((image) => toAddress(new URL(image, base))) });
  const list = new RunList();
  /** @type {Map<string, Map<number, number>>} when each step of a series was written: by that a browser may keep it */
  const times = new Map();
  const keyOf = (/** @type {string} */ run, /** @type {string} */ tag) => JSON.stringify([run, tag]);
  const timeOf = (/** @type {string} */ run, /** @type {string} */ tag, /** @type {number} */ step) =>
    times.get(keyOf(run, tag))?.get(step) ?? list.lastTime(run, tag, step);
  return {
    runs: async (run) => {
      const text = await askText("runs", run === undefined ? {} : { run, or_latest: "", brief: "" });
      const runs = list.read(text);
      for (const [name, tags] of Object.entries(runs))
        for (const [tag, { steps, written }] of Object.entries(tags))
          if (steps && written) times.set(keyOf(name, tag), new Map(steps.map((step, place) => [step, written[place]])));
      return { runs };
    },
    record: async (run, tag, step) => {
      const written = timeOf(run, tag, step);
      return absolute(await ask("record", written === undefined ? { run, tag, step } : { run, tag, step, written }));
    },
    series: async (run, tag, after) => {
      const answer = await ask("series", after === undefined ? { run, tag } : { run, tag, after });
      return { ...answer, steps: answer.steps.map(absolute) };
    },
    pictures: (run, tag, step, like) => {
      const written = timeOf(run, tag, step);
      return written === undefined ? [] : like.map((url) => toAddress(new URL(url), { step, written }));
    },
    names: (run) => ask("names", { run }),
    keepName: (run, name) =>
      ask("names", { run }, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(name) }),
  };
}
