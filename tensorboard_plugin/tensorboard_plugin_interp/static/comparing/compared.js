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

/** The choice that compares with nothing: what only a comparison knows goes with it. */
export const NOTHING = { versus: "", at: "", flips: "", look: "", wipe: "" };

export const OTHER_CHANNELS =
  "A channel of another training is another one, though it has the same number, unless both began with the same weights.";

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
 * @param {{kind: string, layer: string, variant?: string}} one a record or a series
 * @returns {ShownSeries|undefined} the series of what is compared with of the same kind, layer and variant, or another variant
 */
export function likeOf(ctx, { kind, layer, variant }) {
  const like = ctx.compared?.series.filter((series) => series.kind === kind && series.layer === layer) ?? [];
  return like.find((series) => (series.variant || "") === (variant || "")) ?? like[0];
}

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

/** How the two were chosen before they were exchanged last, and how they are since: a second exchange undoes the first. */
const undone = /** @type {WeakMap<Store, {before: Record<string, string>, after: Record<string, string>}>} */ (new WeakMap());

/**
 * The choice that exchanges A and B. Words that go with training ("latest", "the same step") stay where they mean the same
 * from the other side; a number stands for them elsewhere, until the two are exchanged again.
 * @param {Ctx} ctx
 * @returns {Record<string, string>|null} null while it is not known what is compared with
 */
function exchanged({ store, compared, run, step, steps, choice }) {
  if (!compared || compared.step === null) return null;
  const chosen = Object.fromEntries(["run", "step", "versus", "at"].map((key) => [key, choice[key] ?? ""]));
  const last = undone.get(store);
  if (last && Object.keys(chosen).every((key) => chosen[key] === last.after[key])) {
    undone.delete(store);
    return last.before;
  }
  const latest = chosen.step === "" && compared.step === compared.steps.at(-1);
  const same = chosen.at === "" && !compared.own && stepAt(steps, compared.step) === step;
  const after = {
    run: compared.run,
    step: latest ? "" : String(compared.step),
    versus: run,
    at: same ? "" : String(step),
  };
  undone.set(store, { before: { ...chosen, run }, after }); // the run by name: none chosen would leave the other one there
  return after;
}

/**
 * Show another run. Where it is the one that is compared with, the two are exchanged: else it would be compared with itself.
 * @param {Ctx} ctx
 * @param {string} next
 */
export function showRun(ctx, next) {
  const { compared, run, step, choose } = ctx;
  const asked = { run: next, step: "", item: "", group: "" };
  if (!compared || compared.own || compared.run !== next) return choose(asked);
  choose({ ...asked, versus: run, at: String(step), ...exchanged(ctx) }); // its step is not known while it is on its way
}

/** @param {Ctx} ctx exchange A and B; no entry of the history, so that a person may blink */
export function exchange(ctx) {
  const after = exchanged(ctx);
  if (after) ctx.choose(after, false);
}
