/**
 * What the server says of all runs, in few words, as the tab knows them.
 *
 * @import { Runs, Series } from "../model.js"
 */

const KEPT = 3; // answers: of the run that is shown, of the one it is compared with, and the first one, of no run

export class RunList {
  constructor() {
    /** @type {{text: string, runs: Runs}[]} the last one first */
    this.kept = [];
  }

  /**
   * @param {string} text the answer of `/runs`; names stay as they are, since runs are asked for by them
   * @returns {Runs} the same object where the same was said before: to compare thousands of series takes a frame
   */
  read(text) {
    const known = this.kept.find((one) => one.text === text) ?? { text, runs: toRuns(JSON.parse(text)) };
    this.kept = [known, ...this.kept.filter((one) => one !== known)].slice(0, KEPT);
    return known.runs;
  }

  /** @param {string} run @param {string} tag @param {number} step @returns {number|undefined} when it was written, if it is the last */
  lastTime(run, tag, step) {
    const series = this.kept[0]?.runs[run]?.[tag];
    return series?.last_step === step ? series.wall_time : undefined;
  }
}

/**
 * @param {{runs: Runs, tags?: Record<string, Pick<Series, "kind"|"layer"|"variant">>,
 *   brief?: Record<string, Record<string, [number, number]>>}} answer
 * @returns {Runs}
 */
export function toRuns({ runs, tags = {}, brief = {} }) {
  const toSeries = (/** @type {[string, [number, number]]} */ [tag, [last_step, wall_time]]) => {
    const { kind, layer, variant } = tags[tag];
    return [tag, { kind, layer, variant, steps: null, last_step, wall_time }];
  };
  // By entries, since a run may have any name, `__proto__` as well.
  const others = Object.entries(brief).map(([run, ends]) => [run, Object.fromEntries(Object.entries(ends).map(toSeries))]);
  return Object.fromEntries([...Object.entries(runs), ...others]);
}
