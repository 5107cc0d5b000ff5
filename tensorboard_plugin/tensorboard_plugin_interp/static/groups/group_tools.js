/**
 * What can be chosen for all layers of the groups' page: how many groups.
 *
 * @import { Ctx, ShownSeries } from "../model.js"
 */
import { html, useRef } from "../vendor/preact-htm.js";

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

/** @param {{ctx: Ctx}} props */
export function GroupTools({ ctx }) {
  const counts = variantsOf(ctx.series.groups);
  if (counts.length < 2) return null;
  return html`
    <div class="group-tools">
      <${Counts} counts=${counts} chosen=${chosenCount(counts, ctx.choice.k)} onChoose=${(/** @type {string} */ k) => ctx.choose({ k })} />
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
