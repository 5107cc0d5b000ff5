/**
 * Which human concepts a decision depends on, with what chance alone would give.
 *
 * @import { Ctx, ShownSeries } from "../model.js"
 * @import { ConceptsData, TabRecord } from "../records.js"
 */
import { html } from "../vendor/preact-htm.js";
import { likeOf, useOther } from "../comparing/compared.js";
import { TestSides, TestsTold } from "../comparing/test_sides.js";
import { Curve } from "../concepts/concept_curve.js";
import { Cautions, TIPS, conceptColor, keyOf, nameTests } from "../concepts/concept_words.js";
import { Cell } from "../drawing/canvas.js";
import { CONTRASTS, contrastsOf, interval, pValue, plural, whole } from "../format.js";
import { Interval, IntervalAxis, rangeOf } from "../drawing/intervals.js";
import { useSeries, useSheet } from "../model.js";
import { Layer, Message, Term } from "../drawing/parts.js";
import { SaveNear, useNear } from "../saving/save_near.js";
import { Lead } from "../words/lead.js";

/**
 * @param {TabRecord<ConceptsData>} record with a watch
 * @returns {string} for which tests of the layer the alarm has rung, and when
 */
function describeAlarm(record) {
  const rung = (record.data.tests ?? []).filter((row) => typeof row.alarm === "number");
  const told = rung.map((row) => `${row.concept} → ${row.target} (${row.contrast}) at step ${whole(row.alarm)}`);
  const level = pValue(100 * (record.data.watch?.alpha ?? 0));
  return `alarm over the training, at ${level} %: ${told.length ? told.join(", ") : "silent so far"}`;
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
  const name = nameTests("Interval", [row]);
  const [near, watch] = useNear();
  return html`
    <div class="savable" ...${watch}>
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
        <${Interval} row=${row} range=${range} color=${conceptColor(record, row.concept)} label=${words} name=${name} />
        <span class="test-value">
          <b>${interval(row)}</b>
          <span class=${row.claim === "finding" ? "verdict yes" : "verdict"}>
            ${row.claim}${" "}
            <small>p = ${pValue(row.p_holm)}</small>
          </span>
        </span>
        <${TestSides} ctx=${ctx} row=${row} other=${other} />
      </button>
      <${SaveNear} near=${near} what=${name} scope=".savable" />
    </div>
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
