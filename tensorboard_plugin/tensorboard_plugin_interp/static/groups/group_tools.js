/**
 * What can be chosen for all layers of the groups' page: how many groups, and with which step or run to compare.
 *
 * @import { Ctx, ShownSeries } from "../model.js"
 */
import { html, useRef } from "../vendor/preact-htm.js";
import { Chooser } from "../choosing/chooser.js";
import { Select } from "../drawing/parts.js";
import { runName, sortRuns, whole } from "../format.js";
import { stepAt, useRun } from "../model.js";

/**
 * @param {ShownSeries[]} all
 * @returns {string[]} the numbers of groups that were recorded in one step, where there are several
 */
function variantsOf(all) {
  const found = new Set(all.flatMap(({ variant }) => variant || []));
  return [...found].sort((a, b) => Number(a) - Number(b));
}

/**
 * @param {ShownSeries[]} all series of groups
 * @param {string} k what is chosen; "" for the first
 * @returns {ShownSeries[]} one for each layer: that with so many groups, or with the next fewer
 */
export function chooseVariant(all, k) {
  const layers = [...new Set(all.map(({ layer }) => layer))];
  return layers.map((layer) => {
    const own = all.filter((series) => series.layer === layer).sort((a, b) => Number(a.variant) - Number(b.variant));
    return own.filter(({ variant }) => Number(variant) <= Number(k)).at(-1) ?? own[0];
  });
}

/**
 * @param {Ctx} ctx
 * @returns {{run: string, own: boolean, series: ShownSeries[]}|null} what is compared with: series of groups; null for
 *   nothing, or while it is not known
 */
export function useCompared(ctx) {
  const run = Object.hasOwn(ctx.runs, ctx.choice.versus) ? ctx.choice.versus : "";
  const own = run === ctx.run;
  const tags = useRun(ctx.store, run && !own ? run : "", ctx.runs);
  if (!run) return null;
  if (own) return { run, own, series: ctx.series.groups };
  if (!tags) return null;
  const series = Object.entries(tags).map(([tag, one]) => ({ tag, ...one, steps: one.steps ?? [] }));
  return { run, own, series: series.filter(({ kind, steps }) => kind === "groups" && steps.length) };
}

/**
 * @param {Ctx} ctx
 * @param {boolean} own whether it is a step of the run that is shown
 * @param {number[]} steps to compare with, sorted
 * @returns {number} the one that is chosen; else of this run the first, of another one the same as is shown
 */
export function comparedStep(ctx, own, steps) {
  const asked = Number(ctx.choice.at);
  if (ctx.choice.at !== "" && Number.isFinite(asked)) return stepAt(steps, asked) ?? steps[0];
  return own ? steps[0] : (stepAt(steps, ctx.step) ?? steps[0]);
}

/** @param {{ctx: Ctx}} props */
export function GroupTools({ ctx }) {
  const counts = variantsOf(ctx.series.groups);
  const compared = useCompared(ctx);
  const layers = ctx.series.groups.map(({ layer }) => layer);
  const others = Object.keys(ctx.runs).filter(
    (run) => run !== ctx.run && Object.values(ctx.runs[run]).some(({ kind, layer }) => kind === "groups" && layers.includes(layer)),
  );
  const own = [...new Set(ctx.series.groups.flatMap(({ steps }) => steps))].sort((a, b) => a - b);
  const shown = (compared?.series ?? []).filter(({ layer }) => layers.includes(layer));
  const steps = [...new Set(shown.flatMap((series) => series.steps))].sort((a, b) => a - b);
  const options = [["", "nothing"], ...(own.length > 1 ? [[ctx.run, "another step"]] : [])];
  if (counts.length < 2 && options.length + others.length < 2) return null;
  return html`
    <div class="group-tools">
      ${
        counts.length > 1 &&
        html`
          <${Counts} counts=${counts} chosen=${chosenCount(counts, ctx.choice.k)} onChoose=${(/** @type {string} */ k) => ctx.choose({ k })} />
        `
      }
      ${
        options.length + others.length > 1 &&
        html`
          <${Chooser}
            caption="compare with"
            label="Compare groups with"
            what="runs"
            value=${ctx.choice.versus}
            options=${options}
            groups=${[["another run", sortRuns(others).map((run) => [run, runName(run)])]]}
            onChange=${(/** @type {string} */ versus) => ctx.choose({ versus, at: "" })}
          />
        `
      }
      ${
        compared &&
        steps.length > 0 &&
        html`
          <label class="choice">
            <span>at</span>
            <${Select}
              label="Step to compare with"
              value=${ctx.choice.at}
              options=${[
                ["", compared.own ? `the first, ${whole(steps[0])}` : "the same step"],
                ...steps.map((step) => [String(step), `step ${whole(step)}`]),
              ]}
              onChange=${(/** @type {string} */ at) => ctx.choose({ at })}
            />
          </label>
        `
      }
    </div>
  `;
}

/** @param {string[]} counts @param {string} k @returns {string} which of them is shown, as `chooseVariant` takes it */
const chosenCount = (counts, k) => counts.filter((count) => Number(count) <= Number(k)).at(-1) ?? counts[0];

/** @param {{counts: string[], chosen: string, onChoose: (count: string) => void}} props one of a few numbers */
function Counts({ counts, chosen, onChoose }) {
  const list = useRef(/** @type {any} */ (null));
  const press = (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation(); // the arrows choose here, and do not move the step
    const next = counts[Math.max(0, Math.min(counts.length - 1, counts.indexOf(chosen) + by))];
    onChoose(next);
    list.current.querySelector(`[data-count="${next}"]`)?.focus();
  };
  return html`
    <span class="choice">
      <span>groups</span>
      <span class="segments" role="radiogroup" aria-label="How many groups" ref=${list} onKeyDown=${press}>
        ${counts.map(
          (count) => html`
            <button
              key=${count}
              role="radio"
              data-count=${count}
              aria-checked=${count === chosen}
              tabindex=${count === chosen ? 0 : -1}
              onClick=${() => onChoose(count)}
            >
              ${count}
            </button>
          `,
        )}
      </span>
    </span>
  `;
}
