/**
 * Where a report starts: the same front end over records that stand in the page itself. `tf_interp/report` links these
 * modules into one script and puts the records beside it; nothing is asked of any server.
 *
 * @import { About, NamesAnswer, Source } from "./model.js"
 *
 * @typedef {{kind: string, layer: string, steps: number[], times: number[], records: number[]}} Kept a series; `records`
 *   are places in the list of all records
 * @typedef {object} Report
 * @property {About} about
 * @property {Record<string, NamesAnswer>} names of each run
 * @property {Record<string, Record<string, Kept>>} runs
 * @property {string[]} records each `{"data", "title", "images"}` as JSON, deflated, in 85 characters
 * @property {Record<number, string>} pictures number -> PNG in 85 characters
 */
import { render } from "./index.js";
import { parseAnswer } from "./http_source.js";

// The characters of `tf_interp/report/embedding.py`: none that HTML or JSON would have to escape.
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%'()*+-;=,?@^_`{|}~.";
const VALUES = new Map([...DIGITS].map((digit, value) => [digit.charCodeAt(0), value]));

/** @param {string} text five characters for four bytes @returns {Uint8Array<ArrayBuffer>} */
export function readBytes(text) {
  const rest = (5 - (text.length % 5)) % 5;
  const bytes = new Uint8Array(((text.length + rest) / 5) * 4);
  const view = new DataView(bytes.buffer);
  for (let start = 0; start < text.length; start += 5) {
    let number = 0;
    for (let place = start; place < start + 5; place++)
      number = number * 85 + (place < text.length ? (VALUES.get(text.charCodeAt(place)) ?? 0) : 84);
    view.setUint32((start / 5) * 4, number);
  }
  return bytes.slice(0, bytes.length - rest);
}

/** @param {string} text @returns {string} the address of a picture that stands in the page */
function toAddress(text) {
  const bytes = readBytes(text);
  let binary = "";
  for (let start = 0; start < bytes.length; start += 8192)
    binary += String.fromCharCode(...bytes.subarray(start, start + 8192));
  return `data:image/png;base64,${btoa(binary)}`;
}

/** @param {Report} report @returns {Source} */
export function embeddedSource(report) {
  /** @type {Map<number, string>} */
  const addresses = new Map();
  const address = (/** @type {number} */ index) => {
    if (!addresses.has(index)) addresses.set(index, toAddress(report.pictures[index]));
    return addresses.get(index) ?? "";
  };
  const series = (/** @type {string} */ run, /** @type {string} */ tag) => {
    const found = Object.hasOwn(report.runs, run) && Object.hasOwn(report.runs[run], tag) ? report.runs[run][tag] : null;
    if (!found) throw new Error(`This report holds no records under run ${run}, tag ${tag}.`);
    return found;
  };
  const read = async (/** @type {Kept} */ found, /** @type {number} */ place) => {
    const packed = new Blob([readBytes(report.records[found.records[place]])]);
    const text = await new Response(packed.stream().pipeThrough(new DecompressionStream("deflate"))).text();
    const { data, title, images } = parseAnswer(text);
    const { kind, layer, steps } = found;
    return { kind, layer, step: steps[place], title, data, images: images.map(address) };
  };
  const runs = Object.fromEntries(
    Object.entries(report.runs).map(([run, tags]) => [
      run,
      Object.fromEntries(
        Object.entries(tags).map(([tag, { times, records: _, ...about }]) => [
          tag,
          { ...about, last_step: about.steps[about.steps.length - 1], wall_time: Math.max(...times) },
        ]),
      ),
    ]),
  );
  return {
    about: report.about,
    runs: async () => ({ runs }),
    names: async (run) => report.names[run],
    record: async (run, tag, step) => {
      const found = series(run, tag);
      const place = found.steps.indexOf(step);
      if (place < 0) throw new Error(`This report holds no record of ${tag} at step ${step}.`);
      return read(found, place);
    },
    series: async (run, tag, after = -Infinity) => {
      const found = series(run, tag);
      const places = found.steps.map((_, place) => place).filter((place) => found.steps[place] > after);
      return {
        steps: await Promise.all(places.map((place) => read(found, place))),
        unreadable: 0,
        written: found.steps.map((step, place) => [step, found.times[place]]),
      };
    },
  };
}

const place = document.getElementById("interp-report");
if (place) render({ source: embeddedSource(JSON.parse(place.textContent ?? "")) });
