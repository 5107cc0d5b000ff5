/**
 * A concept test on both sides: its two effects and their difference, and both curves.
 *
 * @import { Ctx } from "../model.js"
 * @import { ConceptTest, ConceptsData, TabRecord } from "../records.js"
 * @import { Other } from "./compared.js"
 */
import { html } from "../vendor/preact-htm.js";
import { Message } from "../drawing/parts.js";
import { interval, signed } from "../format.js";
import { useSeries } from "../model.js";
import { areIndependent, comparedStep, likeOf } from "./compared.js";
import { findTest, subtractTests } from "./what_changed.js";

/** @param {Ctx} ctx @returns {boolean} */
const apart = ({ compared, run }) => Boolean(compared) && areIndependent(run, compared?.run ?? run);

/** @param {{ctx: Ctx, row: ConceptTest, other: Other}} props under a row of the table */
export function TestSides({ ctx, row, other }) {
  if (other.state !== "there") return null;
  const before = findTest(other.record?.data.tests ?? [], row);
  if (!before)
    return html`
      <span class="versus-test">A – (not tested there), B ${interval(row)}, difference –</span>
    `;
  const { change, low, high } = subtractTests(before, row, apart(ctx));
  const said = low === null ? signed(change) : `${(change ?? 0) > 0 ? "+" : ""}${interval({ displacement: change, ci_low: low, ci_high: high })}`;
  return html`
    <span class="versus-test">A ${interval(before)}, B ${interval(row)}, difference ${said}</span>
  `;
}

/** @param {{ctx: Ctx, layer: string, other: Other}} props what the differences of all rows rest on */
export function TestsTold({ ctx, layer, other }) {
  if (other.state === "lacks") return html`<${Message}>A has no concept tests of ${layer}.<//>`;
  if (other.state === "error") return html`<${Message} kind="error">${other.error}<//>`;
  if (other.state !== "there") return null;
  return html`
    <p class="caption">
      ${
        apart(ctx)
          ? "The interval of a difference takes the two runs as independent: half widths squared and summed. Where both were " +
            "tested on the same pictures, their errors go together, and it is mostly too wide."
          : "A and B are of one training, so their errors are not independent: differences have no interval."
      }
    </p>
  `;
}

/**
 * @param {Ctx} ctx
 * @param {TabRecord<ConceptsData>} record
 * @returns {number|undefined} the step of A, to be marked beside that of B
 */
export function besideStep(ctx, record) {
  const like = ctx.compared ? likeOf(ctx, record) : undefined;
  const step = ctx.compared && like ? comparedStep(ctx.compared, like.steps) : undefined;
  return ctx.compared?.own && step === record.step ? undefined : step;
}

/**
 * @param {Ctx} ctx
 * @param {TabRecord<ConceptsData>} record
 * @param {{row: ConceptTest, color: string}[]} rows that have curves
 * @returns {import("../drawing/charts.js").Line[]} the same tests of another run; of one run they are the same curves
 */
export function useOtherCurves(ctx, record, rows) {
  const { compared } = ctx;
  const like = compared && !compared.own ? likeOf(ctx, record) : undefined;
  const entries = useSeries(ctx.store, compared?.run ?? "", like?.tag ?? "", like?.steps ?? []);
  if (!compared || !like) return [];
  return rows.map(({ row, color }) => ({
    name: `${row.concept} (A)`,
    color,
    dashed: true,
    at: comparedStep(compared, like.steps),
    points: entries.map((entry) => {
      const found = findTest(/** @type {ConceptsData} */ (entry.data).tests ?? [], row);
      return { x: entry.step, y: found?.displacement ?? null };
    }),
  }));
}
