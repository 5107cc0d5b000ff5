/**
 * One concept test in the side panel: its words, its curve, its numbers and its pictures; on both sides where two are compared.
 *
 * @import { Ctx, ShownSeries } from "../model.js"
 * @import { ConceptTest, Examples as ExampleSheet, TabRecord } from "../records.js"
 */
import { html } from "../vendor/preact-htm.js";
import { likeOf, sideName, useOther } from "../comparing/compared.js";
import { TestSides, TestsTold } from "../comparing/test_sides.js";
import { findTest } from "../comparing/what_changed.js";
import { Cell } from "../drawing/canvas.js";
import { Legend } from "../drawing/direction.js";
import { Awaited, Facts, Message } from "../drawing/parts.js";
import { interval, number, pValue, percent, together, whole } from "../format.js";
import { stepAt, useRecord, useSeries, useSheet } from "../model.js";
import { Curve } from "./concept_curve.js";
import { Cautions, TIPS, Words, keyOf } from "./concept_words.js";

/** What is listed of a test, each with what it is. */
const NAMES = [
  ["displacement", TIPS.displacement],
  ["chance", TIPS.band],
  ["p (Holm)", TIPS.p],
  ["p alone", TIPS.pAlone],
  ["cosine", TIPS.cosine],
  ["TCAV score", TIPS.score],
  ["specificity", TIPS.specificity],
  ["CAV accuracy", TIPS.accuracy],
  ["pictures", TIPS.pictures],
];

/** @param {{ctx: Ctx, tag: string, name: string, series: ShownSeries}} props one test in the side panel */
export function ConceptDetail({ ctx, tag, name, series }) {
  const { record, error } = useRecord(ctx.store, ctx.run, tag, stepAt(series.steps, ctx.step));
  const entries = useSeries(ctx.store, ctx.run, tag, series.steps);
  const row = (record?.data.tests ?? []).find((/** @type {ConceptTest} */ candidate) => keyOf(candidate) === name);
  const other = useOther(ctx, record, record && likeOf(ctx, record));
  if (error || !record)
    return html`
      <${Awaited} error=${error} />
    `;
  if (!row)
    return html`
      <${Message}>This was not tested at this step.<//>
    `;
  const { concepts = {}, pool } = record.data;
  const factsOf = (/** @type {ConceptTest} */ { effect, effect_low, effect_high, ...test }) => [
    interval(test),
    together([test.null_low, test.null_high]).join(" to "),
    pValue(test.p_holm),
    pValue(test.p),
    interval({ displacement: effect, ci_low: effect_low, ci_high: effect_high }),
    number(test.score),
    percent(test.specificity),
    percent(test.cav_accuracy),
    [test.n_concept, test.n_contrast, test.n_target].map(whole).join(" / "),
  ];
  const before = findTest(other.record?.data.tests ?? [], row);
  const [here, there] = [factsOf(row), before && factsOf(before)];
  return html`
    ${
      other.state === "there" &&
      html`
        <p class="versus-words"><b class="versus-letter">A</b> <span>${sideName(ctx.compared?.run ?? "", other.record?.step ?? null)}</span></p>
        ${before ? html`<${Words} finding=${before} />` : html`<${Message}>A has no such test.<//>`}
        <p class="versus-words"><b class="versus-letter">B</b> <span>${sideName(ctx.run, record.step)}</span></p>
      `
    }
    <${Words} finding=${row} />
    <${Cautions} of="this, as with all others" cautions=${record.data.cautions} />
    <p class="versus-told"><${TestSides} ctx=${ctx} row=${row} other=${other} /></p>
    <${TestsTold} ctx=${ctx} layer=${record.layer} other=${other} />
    ${
      entries.length > 1 &&
      html`
        <${Curve} ctx=${ctx} record=${record} entries=${entries} rows=${[row]} height=${190} />
      `
    }
    <${Facts} facts=${NAMES.map(([name, tip], place) => [name, here[place], tip, there?.[place]])} />
    <${Examples} title=${`Pictures of “${row.concept}”`} record=${record} entry=${concepts[row.concept]} />
    <${Examples} title="Random pictures" record=${record} entry=${pool} />
  `;
}

/** @param {{title: string, record: TabRecord, entry: ExampleSheet|null|undefined}} props */
function Examples({ title, record, entry }) {
  const sheet = useSheet(record, entry?.examples);
  if (!entry?.examples) return null;
  return html`
    <h3>
      ${title}${" "}
      <span class="quiet">${entry.examples.count} of ${whole(entry.count)}</span>
    </h3>
    <${Legend} sheet=${entry.examples} />
    <ul class="thumbs">
      ${Array.from(
        { length: entry.examples.count },
        (_, index) => html`
          <li key=${index}><${Cell} sheet=${sheet} index=${index} size=${84} label=${`${title}, ${index + 1}`} /></li>
        `,
      )}
    </ul>
  `;
}
