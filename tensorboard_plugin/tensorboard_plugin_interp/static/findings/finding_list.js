/**
 * What the run has found so far, in the records' own words, with ways to what shows it.
 *
 * @import { Ctx } from "../model.js"
 * @import { FindingsData, RunFinding, TabRecord } from "../records.js"
 */
import { html } from "../vendor/preact-htm.js";
import { whole } from "../format.js";
import { stepAt, useRecord } from "../model.js";
import { Guard, Term } from "../drawing/parts.js";

const SHOWN = 6; // of most consequence; the others can be unfolded
/** Kind of record -> the section that shows it. @type {Record<string, string>} */
const SECTIONS = {
  concepts: "concepts",
  decision: "decisions",
  attribution: "decisions",
  groups: "groups",
  features: "features",
};

/** @param {{ctx: Ctx}} props the findings up to the chosen step, nothing where there are none */
export function FindingList({ ctx }) {
  const [series] = ctx.series.finding;
  const { record } = useRecord(ctx.store, ctx.run, series.tag, stepAt(series.steps, ctx.step));
  if (!record) return null;
  return html`
    <section class="card tile full findings" aria-label="Findings">
      <h2>Findings</h2>
      <${Guard} record=${record} draw=${() => html`<${Lists} ctx=${ctx} record=${record} />`} />
    </section>
  `;
}

/** @param {{ctx: Ctx, record: TabRecord<FindingsData>}} props */
function Lists({ ctx, record }) {
  const findings = record.data.findings ?? [];
  const rest = findings.slice(SHOWN);
  return html`
    <${List} ctx=${ctx} findings=${findings.slice(0, SHOWN)} />
    ${
      rest.length > 0 &&
      html`
        <details>
          <summary>${rest.length} more</summary>
          <${List} ctx=${ctx} findings=${rest} />
        </details>
      `
    }
  `;
}

/** @param {{ctx: Ctx, findings: RunFinding[]}} props */
function List({ ctx, findings }) {
  return html`
    <ul>
      ${findings.map(
        (finding) => html`
          <li key=${JSON.stringify([finding.kind, finding.subject])}>
            <p class="finding">${finding.sentence}</p>
            <p class="quiet">
              ${finding.step === ctx.step && html`<span class="badge">new at this step</span>${" "}`}
              ${finding.rate && html`<${Term} tip=${finding.rate}>how sure?<//>${" "}`}
              <${Show} ctx=${ctx} finding=${finding} />
            </p>
          </li>
        `,
      )}
    </ul>
  `;
}

/** @param {{ctx: Ctx, finding: RunFinding}} props a way to the record that shows a finding, if it is there */
function Show({ ctx, finding }) {
  const { kind = "", layer = "", step = 0 } = finding.evidence ?? {};
  const section = Object.hasOwn(SECTIONS, kind) ? SECTIONS[kind] : "";
  const there = ctx.series[kind]?.some((series) => series.layer === layer && series.steps.includes(step));
  if (!section || !there) return null;
  return html`
    <button class="link" onClick=${() => ctx.choose({ section, item: "", step: String(step) })}>
      See it at step ${whole(step)} →
    </button>
  `;
}
