/**
 * Effects of concepts over the steps, with what chance gives; those of what is compared with beside them.
 *
 * @import { Ctx } from "../model.js"
 * @import { ConceptTest, ConceptsData, Entry, TabRecord } from "../records.js"
 */
import { html } from "../vendor/preact-htm.js";
import { besideStep, useOtherCurves } from "../comparing/test_sides.js";
import { LineChart } from "../drawing/charts.js";
import { conceptColor, keyOf, nameTests } from "./concept_words.js";

/**
 * @param {{ctx: Ctx, record: TabRecord<ConceptsData>, entries: Entry<ConceptsData>[], rows: ConceptTest[],
 *   height?: number}} props
 */
export function Curve({ ctx, record, entries, rows, height = 210 }) {
  const find = (/** @type {Entry<ConceptsData>} */ entry, /** @type {ConceptTest} */ row) =>
    (entry.data.tests ?? []).find((candidate) => keyOf(candidate) === keyOf(row));
  const others = useOtherCurves(ctx, record, rows.map((row) => ({ row, color: conceptColor(record, row.concept) })));
  const series = rows.map((row) => ({
    name: row.concept,
    color: conceptColor(record, row.concept),
    points: entries.map((entry) => {
      const found = find(entry, row);
      return {
        x: entry.step,
        y: found?.displacement ?? null,
        low: found?.ci_low,
        high: found?.ci_high,
        from: found?.null_low,
        to: found?.null_high,
      };
    }),
  }));
  const [targets, concepts] = [rows.map((row) => row.target), rows.map((row) => row.concept)].map((some) =>
    [...new Set(some)].join(", "),
  );
  return html`
    <div>
      <p class="caption">
        Over training, with 95 % intervals; grey with dashed edges: what chance gives${others.length > 0 && "; solid lines: B, dashed: A"}
        ${
          series.length > 1 &&
          series.map(
            (line) => html`
              <span class="legend">
                <i class="swatch" style=${{ background: line.color }} />
                ${line.name}
              </span>
            `,
          )
        }
      </p>
      <${LineChart}
        label=${`Effect on ${targets} over the steps of ${concepts}`}
        name=${nameTests("Curve", rows)}
        series=${[...series, ...others]}
        zero
        height=${height}
        at=${record.step}
        beside=${besideStep(ctx, record)}
        onPick=${ctx.setStep}
        xName="step"
        yName="effect, with 95 % intervals; grey: what chance gives"
      />
    </div>
  `;
}
