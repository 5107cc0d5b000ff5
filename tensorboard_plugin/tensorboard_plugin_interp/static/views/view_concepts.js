/**
 * Which human concepts a decision depends on, with what chance alone would give.
 *
 * @import { Ctx, ShownSeries } from "../model.js"
 * @import { ConceptTest, ConceptsData, Entry, Examples as ExampleSheet, TabRecord } from "../records.js"
 */
import { html } from "../vendor/preact-htm.js";
import { likeOf, useOther } from "../comparing/compared.js";
import { TestSides, TestsTold, useOtherCurves } from "../comparing/test_sides.js";
import { Cell, groupStyle } from "../drawing/canvas.js";
import { LineChart } from "../drawing/charts.js";
import { CONTRASTS, contrastsOf, interval, number, pValue, percent, plural, together, whole } from "../format.js";
import { Legend } from "../drawing/direction.js";
import { Interval, IntervalAxis, rangeOf } from "../drawing/intervals.js";
import { stepAt, useRecord, useSeries, useSheet } from "../model.js";
import { Awaited, Layer, Message, Term } from "../drawing/parts.js";
import { Lead } from "../words/lead.js";

const TIPS = {
  displacement:
    "First-order change of the target's logit between contrast and concept pictures, in logits, " +
    "with its 95 % bootstrap interval.",
  p: "Permutation p-value, after Holm's correction for all tests of the family.",
  pAlone: "Permutation p-value of this test, before the correction.",
  band: "Where the middle 95 % of permuted labels fall: what chance alone gives.",
  cosine: "Mean cosine between the gradient and the concept vector, −1 to 1, with its interval.",
  score: "Share of target pictures whose logit rises toward the concept: the classical score. One half is chance.",
  specificity:
    "Percentile of the alignment among arbitrary coherent patterns of the pool: near 100 % means that it is about " +
    "this concept. A diamond marks a finding for which that was tested.",
  accuracy: "Accuracy of a linear classifier that tells concept from contrast pictures in this layer.",
  pictures: "Concept, contrast and target pictures.",
  alarm:
    "An alarm that may ring at any step of a training: over all of its steps and tests together it rings for something " +
    "that is not there with this probability at most. p-values are corrected within their step only.",
  exploratory:
    "The tests are repeated at each step without a correction for that: trust the last step, read the curve as a hint.",
};

/** @param {ConceptTest} row @returns {string} */
export const keyOf = (row) => JSON.stringify([row.target, row.concept, row.contrast]);

/**
 * @param {TabRecord<ConceptsData>} record with a watch
 * @returns {string} for which tests of the layer the alarm has rung, and when
 */
function describeAlarm(record) {
  const rung = (record.data.tests ?? []).filter((row) => typeof row.alarm === "number");
  const told = rung.map((row) => `${row.concept} → ${row.target} (${row.contrast}) at step ${whole(row.alarm)}`);
  const level = number(100 * (record.data.watch?.alpha ?? 0));
  return `alarm over the training, at ${level} %: ${told.length ? told.join(", ") : "silent so far"}`;
}

/**
 * @param {TabRecord<ConceptsData>} record
 * @param {string} concept
 * @returns {string} one color per concept, the same in all charts
 */
export function conceptColor(record, concept) {
  const names = Object.keys(record.data.concepts ?? {});
  return groupStyle(Math.max(0, names.indexOf(concept)));
}

/**
 * @param {{finding: any, large?: boolean}} props what a test says, in the record's own words; records of older versions
 *   have none
 */
export function Words({ finding, large = false }) {
  return html`
    ${
      finding?.sentence &&
      html`
        <p class="finding ${large ? "large" : ""}">${finding.sentence}</p>
      `
    }
    ${finding?.verdict && html`<p class="judgement">${finding.verdict}</p>`}
    <${Cautions} of="this" cautions=${finding?.cautions} />
  `;
}

/** @param {{of: string, cautions?: string[]}} props what to be careful about */
function Cautions({ of, cautions = [] }) {
  if (!cautions.length) return null;
  return html`
    <div class="careful">
      Be careful with ${of}:
      <ul>
        ${cautions.map((caution) => html`<li>${caution}</li>`)}
      </ul>
    </div>
  `;
}

/** @param {{ctx: Ctx}} props */
export function Concepts({ ctx }) {
  return html`
    <${Lead} about="concepts">
      Does a decision depend on something that people have a name for? Each row shows how far a concept moves a logit,
      with its 95 % interval; the${" "}
      <${Term} tip=${TIPS.band}>grey band<//>
      ${" "} is what chance gives. A filled dot is clear of chance, a diamond also${" "}
      <${Term} tip=${TIPS.specificity}>specific<//>.
    <//>
    ${ctx.series.concepts.map(
      (series, place) => html`
        <${Layer}
          key=${series.tag}
          ctx=${ctx}
          series=${series}
          heading=${(record) => html`
            <span class="quiet">
              ${record.data.correction ?? `${plural(record.data.family ?? 0, "test")} corrected together`}${
                record.data.exploratory
                  ? html`
                      ${" · "}
                      <${Term} tip=${TIPS.exploratory}>exploratory over steps<//>
                    `
                  : record.data.watch
                    ? html`
                        ${" · "}
                        <${Term} tip=${TIPS.alarm}>${describeAlarm(record)}<//>
                      `
                    : ""
              }
            </span>
          `}
        >
          ${(record) => html`
            <${Body}
              ctx=${ctx}
              series=${series}
              record=${record}
              contrast=${ctx.choice.contrast}
              setContrast=${place === 0 ? (/** @type {string} */ next) => ctx.choose({ contrast: next }) : null}
            />
          `}
        <//>
      `,
    )}
  `;
}

/**
 * @param {{ctx: Ctx, series: ShownSeries, record: TabRecord<ConceptsData>, contrast: string,
 *   setContrast: ((c: string) => void)|null}} props
 */
function Body({ ctx, series, record, contrast, setContrast }) {
  const entries = useSeries(ctx.store, ctx.run, series.tag, series.steps);
  const other = useOther(ctx, record, likeOf(ctx, record));
  const tests = record.data.tests ?? [];
  const contrasts = contrastsOf(tests);
  const chosen = contrasts.includes(contrast) ? contrast : contrasts[0];
  const rows = tests.filter((row) => row.contrast === chosen);
  const range = rangeOf(rows);
  const targets = [...new Set(rows.map((row) => row.target))];
  if (!tests.length) return html`<${Message}>No test could be made; see the notes.<//>`;
  return html`
    ${
      setContrast &&
      contrasts.length > 1 &&
      html`
        <div class="switch" role="group" aria-label="What concepts are compared with">
          ${contrasts.map(
            (name) => html`
              <button aria-pressed=${name === chosen} onClick=${() => setContrast(name)}>
                ${Object.hasOwn(CONTRASTS, name) ? CONTRASTS[name] : name}
              </button>
            `,
          )}
        </div>
      `
    }
    <${Cautions} of="all of these" cautions=${record.data.cautions} />
    <${TestsTold} ctx=${ctx} layer=${record.layer} other=${other} />
    <div class="targets">
      ${targets.map((target) => {
        const own = rows.filter((row) => row.target === target);
        const quantity = capitalized(own[0].quantity ?? "logit");
        const shared = (own[0].cautions ?? []).filter(
          (/** @type {string} */ caution) => own.length > 1 && own.every((row) => row.cautions?.includes(caution)),
        );
        return html`
          <section class="card target" key=${target} aria-label=${`Target ${target}, ${series.layer}`}>
            <h3>${quantity} of “${target}”</h3>
            <${Cautions} of=${`all tests of “${target}”`} cautions=${shared} />
            <div class="tests" role="group" aria-label="Tests">
              ${own.map(
                (row) => html`
                  <${Row}
                    key=${keyOf(row)}
                    ctx=${ctx}
                    tag=${series.tag}
                    record=${record}
                    row=${row}
                    range=${range}
                    shared=${shared}
                    other=${other}
                  />
                `,
              )}
              <div class="test axis-row">
                <span />
                <${IntervalAxis} range=${range} />
                <span class="quiet"><${Term} tip=${TIPS.displacement}>${rows.every((row) => (row.quantity ?? "logit") === "logit") ? "logits" : "change"}<//></span>
              </div>
            </div>
            ${
              entries.length > 1 &&
              html`
                <${Curve} ctx=${ctx} record=${record} entries=${entries} rows=${own} />
              `
            }
          </section>
        `;
      })}
    </div>
  `;
}

/** @param {string} word @returns {string} */
const capitalized = (word) => word.charAt(0).toUpperCase() + word.slice(1);

/** @param {{ctx: any, tag: string, record: any, row: any, range: [number, number], shared: string[], other: any}} props */
function Row({ ctx, tag, record, row, range, shared, other }) {
  const cautions = (row.cautions ?? []).filter((/** @type {string} */ caution) => !shared.includes(caution));
  const words = [row.sentence ?? `${row.concept}: ${interval(row)}`, row.verdict].filter(Boolean).join(" ");
  return html`
    <button
      class="test"
      aria-pressed=${ctx.isOpen("concepts", tag, keyOf(row))}
      onClick=${() => ctx.open("concepts", tag, keyOf(row))}
      title=${words}
    >
      <span class="test-name">
        <${Example} record=${record} concept=${row.concept} />
        <span>
          ${row.concept}${
            cautions.length > 0
              ? html`
                  <span class="flag" title=${`Be careful: ${cautions.join("; ")}.`}>!</span>
                `
              : ""
          }
        </span>
      </span>
      <${Interval} row=${row} range=${range} color=${conceptColor(record, row.concept)} label=${words} />
      <span class="test-value">
        <b>${interval(row)}</b>
        <span class=${row.claim === "finding" ? "verdict yes" : "verdict"}>
          ${row.claim}${" "}
          <small>p = ${pValue(row.p_holm)}</small>
        </span>
      </span>
      <${TestSides} ctx=${ctx} row=${row} other=${other} />
    </button>
  `;
}

/** @param {{record: TabRecord<ConceptsData>, concept: string}} props the first example of a concept, as its sign */
function Example({ record, concept }) {
  const sheet = useSheet(record, record.data.concepts?.[concept]?.examples);
  return record.data.concepts?.[concept]?.examples
    ? html`
        <span class="concept-icon">
          <${Cell} sheet=${sheet} index=${0} size=${40} label=${`Example of ${concept}`} />
        </span>
      `
    : null;
}

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
        label=${`Effect over the steps of ${series.map((line) => line.name).join(", ")}`}
        series=${[...series, ...others]}
        zero
        height=${height}
        at=${record.step}
        onPick=${ctx.setStep}
        xName="step"
      />
    </div>
  `;
}

/** @param {{ctx: Ctx, tag: string, name: string, series: ShownSeries}} props one test in the side panel */
export function ConceptDetail({ ctx, tag, name, series }) {
  const { record, error } = useRecord(ctx.store, ctx.run, tag, stepAt(series.steps, ctx.step));
  const entries = useSeries(ctx.store, ctx.run, tag, series.steps);
  const row = (record?.data.tests ?? []).find((/** @type {ConceptTest} */ candidate) => keyOf(candidate) === name);
  if (error || !record)
    return html`
      <${Awaited} error=${error} />
    `;
  if (!row)
    return html`
      <${Message}>This was not tested at this step.<//>
    `;
  const { concepts = {}, pool } = record.data;
  const cosine = { displacement: row.effect, ci_low: row.effect_low, ci_high: row.effect_high };
  const facts = [
    ["displacement", TIPS.displacement, interval(row)],
    ["chance", TIPS.band, together([row.null_low, row.null_high]).join(" to ")],
    ["p (Holm)", TIPS.p, pValue(row.p_holm)],
    ["p alone", TIPS.pAlone, pValue(row.p)],
    ["cosine", TIPS.cosine, interval(cosine)],
    ["TCAV score", TIPS.score, number(row.score)],
    ["specificity", TIPS.specificity, percent(row.specificity)],
    ["CAV accuracy", TIPS.accuracy, percent(row.cav_accuracy)],
    ["pictures", TIPS.pictures, [row.n_concept, row.n_contrast, row.n_target].map(whole).join(" / ")],
  ];
  return html`
    <${Words} finding=${row} />
    <${Cautions} of="this, as with all others" cautions=${record.data.cautions} />
    ${
      entries.length > 1 &&
      html`
        <${Curve} ctx=${ctx} record=${record} entries=${entries} rows=${[row]} height=${190} />
      `
    }
    <dl class="facts">
      ${facts.map(
        ([name, tip, value]) => html`
          <div>
            <dt><${Term} tip=${tip}>${name}<//></dt>
            <dd>${value}</dd>
          </div>
        `,
      )}
    </dl>
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
