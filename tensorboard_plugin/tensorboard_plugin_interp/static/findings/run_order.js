/**
 * Which runs are shown, in which order, and what each says first.
 *
 * @import { Runs } from "../model.js"
 */
import { byName, runName } from "../format.js";

/**
 * @param {Runs} runs
 * @param {string} text part of a name, in any case; "" for all
 * @returns {string[]} the run that was written last first
 */
export function orderRuns(runs, text) {
  const wanted = text.trim().toLowerCase();
  const time = new Map(
    Object.entries(runs).map(([run, tags]) => [run, Math.max(0, ...Object.values(tags).map((one) => one.wall_time ?? 0))]),
  );
  return Object.keys(runs)
    .filter((run) => runName(run).toLowerCase().includes(wanted))
    .sort((one, other) => (time.get(other) ?? 0) - (time.get(one) ?? 0) || byName(one, other));
}

/**
 * @param {any} findings data of the last record of findings, if there is one
 * @param {any} concepts data of the last record of concepts, if there is one
 * @returns {{sentence: string, more: number}} the finding of most consequence, or else what the concept tests say; and how
 *   many findings there are beside it
 */
export function headlineOf(findings, concepts) {
  const [first, ...rest] = findings?.findings ?? [];
  if (first) return { sentence: String(first.sentence), more: rest.length };
  return { sentence: String(concepts?.headline?.finding?.sentence ?? ""), more: 0 };
}
