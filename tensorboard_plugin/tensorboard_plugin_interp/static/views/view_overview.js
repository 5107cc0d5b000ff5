/**
 * The first page: what the network has learned, in one look, with ways into the sections.
 *
 * @import { Ctx, ShownSeries } from "../model.js"
 * @import { ConceptTest, GroupsData, Probe, Sheet, TabRecord } from "../records.js"
 */
import { html } from "../vendor/preact-htm.js";
import { ChangedList } from "../comparing/changed_list.js";
import { Cell } from "../drawing/canvas.js";
import { LineChart } from "../drawing/charts.js";
import { contrastsOf, duration, percent, plural, whole } from "../format.js";
import { stepAt, useRecord, useSeries, useSheet } from "../model.js";
import { accuracy, Awaited, Guard, isRight, LayerName, Message } from "../drawing/parts.js";
import { orderOf, stylesOf } from "../groups/group_look.js";
import { namesOf } from "../groups/names/group_name.js";
import { chooseVariant } from "../groups/group_tools.js";
import { Curve } from "../concepts/concept_curve.js";
import { Words } from "../concepts/concept_words.js";
import { Grid as DecisionGrid, Key } from "./view_decisions.js";
import { Explained } from "../decision/explained.js";
import { FindingList } from "../findings/finding_list.js";
import { RunTable } from "../findings/run_table.js";
import { Grid as UnitGrid } from "./view_features.js";
import { Thumbnails } from "./view_groups.js";
import { LastLook } from "../words/last_look.js";
import { Lead } from "../words/lead.js";
import { Welcome } from "../words/welcome.js";

/** @param {{ctx: Ctx}} props */
export function Overview({ ctx }) {
  const { features, decision, attribution, concepts } = ctx.series;
  const groups = chooseVariant(ctx.series.groups, ctx.choice.k);
  const every = [...features, ...groups, ...decision, ...attribution, ...concepts];
  const steps = new Set(every.flatMap((series) => series.steps));
  return html`
    <div class="overview">
      <div class="opening">
        <${Lead} about="overview">What the network has learned up to this step, in one look.<//>
      </div>
      <${ToRead} key=${every.length} ctx=${ctx} every=${every} />
      <${Welcome} several=${steps.size > 1} />
      ${ctx.compared && html`<${ChangedList} key=${every.length} ctx=${ctx} every=${every} />`}
      ${ctx.series.finding.length > 0 && html`<${FindingList} ctx=${ctx} />`}
      ${
        concepts.length > 0 &&
        html`
          <${Tile} ctx=${ctx} section="concepts" title="Concepts" wide>
            <div class="whole"><${ConceptHeadlines} ctx=${ctx} all=${concepts} /></div>
          <//>
        `
      }
      <${Tile} title="This run" full=${concepts.length === 0}>
        <div class="whole"><${Facts} ctx=${ctx} /></div>
      <//>
      ${
        features.length > 0 &&
        html`
          <${Tile} ctx=${ctx} section="features" title="Features" full>
            ${features.map(
              (series) => html`
                <${Row} key=${series.tag} ctx=${ctx} series=${series}>
                  ${(record) => html`
                    <${UnitGrid} ctx=${ctx} tag=${series.tag} record=${record} limit=${12} />
                  `}
                <//>
              `,
            )}
          <//>
        `
      }
      ${
        groups.length > 0 &&
        html`
          <${Tile} ctx=${ctx} section="groups" title="Neuron groups" full>
            ${groups.map(
              (series) => html`
                <${Row} key=${series.tag} ctx=${ctx} series=${series} whole>
                  ${(record) => html`
                    <${ShareBar} ctx=${ctx} record=${record} />
                    <${Thumbnails} ctx=${ctx} tag=${series.tag} record=${record} only=${null} limit=${12} />
                  `}
                <//>
              `,
            )}
          <//>
        `
      }
      ${
        decision.length + attribution.length > 0 &&
        html`
          <${Tile} ctx=${ctx} section="decisions" title="Decisions" full>
            ${decision.map(
              (series) => html`
                <${Explained} key=${series.tag} ctx=${ctx} series=${series} />
              `,
            )}
            ${
              attribution.length > 0 &&
              html`
                <p class="caption whole"><${Key} /></p>
              `
            }
            ${attribution.slice(-1).map(
              (series) => html`
                <${Row} key=${series.tag} ctx=${ctx} series=${series}>
                  ${(record) => html`
                    <${DecisionGrid} ctx=${ctx} tag=${series.tag} record=${record} limit=${12} />
                  `}
                <//>
              `,
            )}
          <//>
        `
      }
      <${RunTable} ctx=${ctx} />
    </div>
  `;
}

/** @param {{ctx: Ctx, every: ShownSeries[]}} props what must be read before anything below is believed */
function ToRead({ ctx, every }) {
  const records = every.map(
    (series) => useRecord(ctx.store, ctx.run, series.tag, stepAt(series.steps, ctx.step)).record,
  );
  const warnings = [...new Set(records.flatMap((record) => record?.data.warnings ?? []).map(String))];
  if (!warnings.length) return null;
  return html`
    <section class="card tile full to-read" aria-label="Read this first">
      <h2>Read this first</h2>
      <ul>
        ${warnings.map(
          (warning) => html`
            <li key=${warning}>${warning}</li>
          `,
        )}
      </ul>
    </section>
  `;
}

/** @param {{ctx?: any, section?: string, title: string, wide?: boolean, full?: boolean, children?: any}} props */
function Tile({ ctx, section, title, wide, full, children }) {
  return html`
    <section class="card tile ${wide ? "wide" : full ? "full" : ""}" aria-label=${title}>
      <header>
        <h2>${title}</h2>
        ${
          section &&
          html`
            <button class="link" onClick=${() => ctx.goTo(section)}>Open ${title.toLowerCase()} →</button>
          `
        }
      </header>
      <div class="tile-rows">${children}</div>
    </section>
  `;
}

/**
 * @param {{ctx: Ctx, series: ShownSeries, whole?: boolean, children: (record: TabRecord) => any}} props one layer of a
 *   tile; several share a line if they fit
 */
function Row({ ctx, series, whole = false, children }) {
  const step = stepAt(series.steps, ctx.step);
  const { record, error } = useRecord(ctx.store, ctx.run, series.tag, step);
  return html`
    <div class="tile-row ${whole ? "whole" : ""}">
      <h3><${LayerName} layer=${series.layer} /></h3>
      <div>
        ${
          error
            ? html`
                <${Message} kind="error">${error}<//>
              `
            : record
              ? html`
                  <${Guard} record=${record} draw=${() => children(record)} />
                `
              : html`
                  <${Message}>${step === null ? `Nothing recorded before step ${series.steps[0]}.` : "Loading …"}<//>
                `
        }
      </div>
    </div>
  `;
}

/** @param {{ctx: Ctx, record: TabRecord<GroupsData>}} props all shares in one bar */
function ShareBar({ ctx, record }) {
  const { groups = [] } = record.data;
  const [names, colors] = [namesOf(ctx, record.layer, groups), stylesOf(groups)];
  const all = groups.reduce((sum, group) => sum + (group.share ?? 0), 0);
  return html`
    <div
      class="share-bar"
      role="img"
      aria-label=${groups.map((group, index) => `${names[index]} ${percent(group.share)}`).join(", ")}
    >
      ${orderOf([], groups).map(
        (index) => html`
          <i
            key=${index}
            style=${{ width: `${(groups[index].share ?? 0) * 100}%`, background: colors[index] }}
            title=${`${names[index]}: ${percent(groups[index].share)}`}
          />
        `,
      )}
    </div>
    <p class="caption">${plural(groups.length, "group")} explain ${percent(all)} of the layer’s activation</p>
  `;
}

/** @param {{ctx: any, all: any[]}} props the strongest finding of all layers, or that there is none */
function ConceptHeadlines({ ctx, all }) {
  const last = all[all.length - 1];
  const { record, error } = useRecord(ctx.store, ctx.run, last.tag, stepAt(last.steps, ctx.step));
  const { finding, layer, test } = record?.data.headline ?? {};
  const series = all.find((candidate) => candidate.layer === layer) ?? last;
  const own = useRecord(ctx.store, ctx.run, series.tag, stepAt(series.steps, ctx.step)).record;
  const entries = useSeries(ctx.store, ctx.run, series.tag, series.steps);
  if (error || !record)
    return html`
      <${Awaited} error=${error} />
    `;
  const tests = own?.data.tests ?? [];
  const [clearest] = contrastsOf(tests);
  const row = (series.layer === layer && tests[test]) || tests.find((/** @type {ConceptTest} */ other) => other.contrast === clearest);
  const examples = finding?.claim === "finding" && own?.data.concepts?.[row?.concept]?.examples;
  return html`
    <div class="headline">
      <div>
        ${
          finding
            ? html`
                <${Words} finding=${finding} large />
              `
            : html`
                <${Message}>This record tells its numbers only.<//>
              `
        }
      </div>
      ${
        examples &&
        html`
          <${Examples} record=${own} sheet=${examples} concept=${row.concept} />
        `
      }
    </div>
    ${
      row &&
      entries.length > 1 &&
      html`
        <${Curve}
          ctx=${ctx}
          record=${own}
          entries=${entries}
          rows=${tests.filter((/** @type {ConceptTest} */ other) => other.target === row.target && other.contrast === row.contrast)}
          height=${200}
        />
      `
    }
  `;
}

/** @param {{record: TabRecord, sheet: Sheet, concept: string}} props a few pictures of a concept */
function Examples({ record, sheet, concept }) {
  const loaded = useSheet(record, sheet);
  return html`
    <ul class="examples">
      ${Array.from(
        { length: Math.min(3, sheet.count) },
        (_, index) => html`
          <li key=${index}><${Cell} sheet=${loaded} index=${index} size=${64} label=${`A picture of ${concept}`} /></li>
        `,
      )}
    </ul>
  `;
}

/** @param {{ctx: Ctx}} props what the run is, and what looking at it costs */
function Facts({ ctx }) {
  const every = Object.values(ctx.series).flat();
  const first = ctx.series.groups[0] ?? ctx.series.attribution[0] ?? ctx.series.features[0] ?? every[0];
  const { record } = useRecord(ctx.store, ctx.run, first.tag, stepAt(first.steps, ctx.step));
  const entries = useSeries(ctx.store, ctx.run, first.tag, first.steps);
  const { epoch, restored = false, session = 1 } = record?.data ?? {};
  const layers = [...new Set(every.filter(({ kind }) => !["decision", "finding"].includes(kind)).map((series) => series.layer))];
  const right = entries
    .map((entry) => ({ x: entry.step, y: shareRight(entry.data.probe) }))
    .filter((point) => point.y !== null);
  return html`
    <dl class="facts tall">
      <div>
        <dt>model</dt>
        <dd>${record?.data.model?.name ?? "–"}</dd>
      </div>
      <div>
        <dt>step</dt>
        <dd>
          ${whole(ctx.step)}${typeof epoch === "number" ? `, epoch ${epoch + 1}` : ""}${
            restored ? ", put back when training ended" : ""
          }
        </dd>
      </div>
      ${
        session > 1 &&
        html`
          <div>
            <dt>session</dt>
            <dd>${session} in this log directory; choose others above</dd>
          </div>
        `
      }
      <div>
        <dt>layers</dt>
        <dd>${layers.join(", ")}</dd>
      </div>
      ${
        record?.data.probe &&
        html`
          <div>
            <dt>probe</dt>
            <dd>${accuracy(record.data.probe)}</dd>
          </div>
        `
      }
      <div>
        <dt>last look</dt>
        <dd>
          <${LastLook}
            time=${Math.max(...every.map((series) => series.wall_time))}
            fixed=${Boolean(ctx.store.source.about)}
          />
        </dd>
      </div>
      <${Cost} key=${every.map((series) => series.tag).join()} ctx=${ctx} every=${every} />
      ${
        ctx.unknown.length > 0 &&
        html`
          <div class="wide">
            <dt>also recorded</dt>
            <dd>
              ${ctx.unknown.join(", ")}${" "}
              <span class="quiet">(no view here: of a part of your own, or of a newer tf-interp, which then needs an upgrade)</span>
            </dd>
          </div>
        `
      }
    </dl>
    ${
      right.length > 1 &&
      html`
        <p class="caption">Probe pictures right, %</p>
        <${LineChart}
          label="Share of probe pictures that are classified right"
          height=${118}
          series=${[{ name: "right, %", color: "var(--good)", points: right }]}
          at=${ctx.step}
          onPick=${ctx.setStep}
          xName="step"
        />
      `
    }
  `;
}

/** @param {Probe|null|undefined} probe @returns {number|null} percent of its pictures whose prediction is right */
function shareRight(probe) {
  const known = (probe?.labels ?? []).map((_, index) => isRight(probe, index)).filter((x) => x !== null);
  return known.length ? (100 * known.filter(Boolean).length) / known.length : null;
}

/** @param {{ctx: Ctx, every: ShownSeries[]}} props the seconds of all records of this step that are known already */
function Cost({ ctx, every }) {
  const records = every.map(
    (series) => useRecord(ctx.store, ctx.run, series.tag, stepAt(series.steps, ctx.step)).record,
  );
  const known = records.flatMap((record) => (record?.step === ctx.step ? (record.data.seconds ?? []) : []));
  const seconds = known.reduce((sum, one) => sum + one, 0);
  return html`
    <div>
      <dt>analysis took</dt>
      <dd>${known.length ? `${duration(seconds)} at this step` : "–"}</dd>
    </div>
  `;
}
