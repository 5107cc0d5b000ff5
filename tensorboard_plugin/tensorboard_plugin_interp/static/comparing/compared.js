/**
 * With which run and step what is shown is compared. It is chosen once, in the header, and all views read it from here.
 *
 * A stands for what is compared with, B for what is shown: a change leads from A to B.
 *
 * @import { Ctx, Runs, Series, ShownSeries, Store } from "../model.js"
 * @import { TabRecord } from "../records.js"
 *
 * @typedef {object} Compared
 * @property {string} run
 * @property {boolean} own whether it is the run that is shown, at another step
 * @property {boolean} waiting whether its series are on their way
 * @property {ShownSeries[]} series all of the run, with their steps
 * @property {number[]} steps of all series together
 * @property {number|null} step the one that is chosen among them
 *
 * @typedef {object} Other the record that one is compared with
 * @property {"none"|"waiting"|"same"|"lacks"|"error"|"there"} state
 * @property {TabRecord<any>|null} record only where it is there
 * @property {string} error
 */
import { runName, splitRun, whole } from "../format.js";
import { stepAt, useRecord, useRun } from "../model.js";

/** @param {Record<string, Series>} tags of one run @returns {ShownSeries[]} */
const withSteps = (tags) =>
  Object.entries(tags)
    .map(([tag, series]) => ({ tag, ...series, steps: series.steps ?? [] }))
    .filter(({ steps }) => steps.length);

/**
 * @param {Store} store
 * @param {Runs} runs
 * @param {string} run that is shown
 * @param {Record<string, string>} choice
 * @returns {(step: number) => Compared|null} what is compared with while `step` is shown; null for nothing
 */
export function useCompared(store, runs, run, choice) {
  const asked = choice.versus || (choice.at && run);
  const other = Object.hasOwn(runs, asked) ? asked : "";
  const own = other === run;
  const tags = useRun(store, own ? "" : other, runs);
  const series = withSteps(own ? (runs[run] ?? {}) : (tags ?? {}));
  const steps = [...new Set(series.flatMap((one) => one.steps))].sort((a, b) => a - b);
  const at = choice.at === "" ? NaN : Number(choice.at);
  return (step) => {
    if (!other) return null;
    const wanted = Number.isFinite(at) ? at : own ? steps[0] : step;
    return { run: other, own, waiting: !own && !tags, series, steps, step: stepAt(steps, wanted) ?? steps[0] ?? null };
  };
}

/** @param {Compared} compared @param {number[]} steps of a series, sorted @returns {number} the one to compare with */
export const comparedStep = (compared, steps) => stepAt(steps, compared.step ?? steps[0]) ?? steps[0];

/**
 * @param {Ctx} ctx
 * @param {TabRecord<any>|undefined} record that is shown
 * @param {ShownSeries|undefined} series of what is compared with, that holds its like
 * @returns {Other}
 */
export function useOther(ctx, record, series) {
  const { compared } = ctx;
  const step = compared && series ? comparedStep(compared, series.steps) : null;
  const same = Boolean(compared?.own && record && step === record.step);
  const { record: found, error } = useRecord(ctx.store, compared?.run ?? "", series?.tag ?? "", same ? null : step);
  const none = { record: null, error };
  if (!compared) return { state: "none", ...none };
  if (compared.waiting) return { state: "waiting", ...none };
  if (!series) return { state: "lacks", ...none };
  if (same) return { state: "same", ...none };
  if (error) return { state: "error", ...none };
  return found ? { state: "there", record: found, error } : { state: "waiting", ...none };
}

/**
 * @param {Ctx} ctx
 * @param {TabRecord<any>} record
 * @returns {ShownSeries|undefined} the series of what is compared with of the same kind and layer
 */
export const likeOf = (ctx, record) =>
  ctx.compared?.series.find(({ kind, layer }) => kind === record.kind && layer === record.layer);

/**
 * @param {string} run
 * @param {string} other
 * @returns {boolean} whether nothing binds the two: neither one training, nor one that went on in the same directory
 */
export const areIndependent = (run, other) => splitRun(run).base !== splitRun(other).base;

/** @param {string} run @param {number|null} step @returns {string} */
export const sideName = (run, step) => `${runName(run)}, step ${whole(step)}`;

/** @param {number|null} step of a record that would be compared with itself @returns {string} */
export const tellSame = (step) => `Step ${whole(step)} is the one that is shown: choose another to compare it with.`;

/**
 * Show another run. Where it is the one that is compared with, the two are exchanged: else it would be compared with itself.
 * @param {Ctx} ctx
 * @param {string} next
 */
export function showRun({ compared, run, step, choose }, next) {
  const asked = { run: next, step: "", item: "", group: "" };
  if (!compared || compared.own || compared.run !== next) return choose(asked);
  const at = compared.step === null ? "" : String(compared.step); // not known while it is on its way
  choose({ ...asked, step: at, versus: run, at: String(step) });
}

/** @param {Ctx} ctx exchange A and B; no entry of the history, so that a person may blink */
export function exchange({ compared, run, step, choose }) {
  if (!compared || compared.step === null) return;
  choose({ run: compared.run, step: String(compared.step), versus: run, at: String(step) }, false);
}
