/** Neurons that fire together: where they do, what they look for, and what they do to the decision. */
import { html, useState } from "../vendor/preact-htm.js";
import { Cell, GroupMap, groupStyle } from "../drawing/canvas.js";
import { ShareChart } from "../drawing/charts.js";
import { className, number, percent, plural, whole } from "../format.js";
import { stepAt, useRecord, useSeries, useSheet } from "../model.js";
import { Effects, Layer, Message, Meter, Outcome, Term, isRight } from "../drawing/parts.js";

const EFFECT =
  "The gradient of the logit times the group’s activation, summed over positions and averaged over the probe pictures.";

/** @param {{ctx: any}} props */
export function Groups({ ctx }) {
  return html`
    <p class="lead">
      Neurons of one layer that fire together, found by factorizing its activations. The colors on the pictures show
      where each group fires; point at a group to see it alone.
    </p>
    ${ctx.series.groups.map(
      (series) => html`
        <${Layer}
          key=${series.tag}
          ctx=${ctx}
          series=${series}
          heading=${(record) => html`
            <span class="quiet">
              ${plural((record.data.groups ?? []).length, "group")} ·${" "}
              <${Term} tip="How far the groups together are from the activations they stand for: 0 is exact.">
                reconstruction error
              <//>
              ${` ${percent(record.data.error)}`}
            </span>
          `}
        >
          ${(record) => html`
            <${Body} ctx=${ctx} series=${series} record=${record} />
          `}
        <//>
      `,
    )}
  `;
}

/** @param {{ctx: any, series: any, record: any}} props */
function Body({ ctx, series, record }) {
  const [pointed, setPointed] = useState(/** @type {number|null} */ (null));
  const [held, setHeld] = useState(/** @type {number|null} */ (null));
  const only = pointed ?? held;
  const icons = useSheet(record, record.data.icons);
  const entries = useSeries(ctx.store, ctx.run, series.tag, series.steps);
  const groups = record.data.groups ?? [];
  const colors = groups.map((_, index) => groupStyle(index));
  const effects = groups.flatMap((group) => Object.values(group.effects ?? {}));
  const most = Math.max(...effects.map((value) => Math.abs(value ?? 0)), 1e-9);
  const widest = Math.max(...groups.map((group) => group.share ?? 0), 1e-9);
  const names = groups.map((group) => group.name);
  return html`
    <div class="split">
      <div>
        <${Thumbnails} ctx=${ctx} tag=${series.tag} record=${record} only=${only} />
        ${
          entries.length > 1 &&
          html`
            <div class="card chart-card">
              <h3>Share of the layer’s activation over training</h3>
              <${ShareChart}
                label="Share of each group over the steps"
                names=${names}
                colors=${colors}
                only=${only}
                at=${record.step}
                onPick=${ctx.setStep}
                height=${180}
                points=${entries.map((entry) => ({ x: entry.step, shares: sharesOf(entry, names) }))}
              />
            </div>
          `
        }
      </div>
      <ul class="group-list" onPointerLeave=${() => setPointed(null)}>
        <li class="caption">
          Share of the activation, strongest channels,${" "}
          <${Term} tip=${EFFECT}>mean effect on logits<//>
        </li>
        ${groups.map(
          (group, index) => html`
            <li
              key=${group.name}
              class="card group ${only === index ? "active" : only === null ? "" : "faint"}"
              style=${{ "--group": colors[index] }}
              onPointerEnter=${() => setPointed(index)}
            >
              <button
                class="group-head"
                aria-pressed=${held === index}
                onFocus=${() => setPointed(index)}
                onBlur=${() => setPointed(null)}
                onClick=${() => setHeld(held === index ? null : index)}
                title=${held === index ? "Show all groups again" : "Keep showing this group alone"}
              >
                ${
                  group.icon !== null &&
                  group.icon !== undefined &&
                  html`
                    <span class="group-icon">
                      <${Cell} sheet=${icons} index=${group.icon} size=${72} label=${`What ${group.name} looks for`} />
                    </span>
                  `
                }
                <span class="group-main">
                  <span class="group-name">
                    <i class="swatch" style=${{ background: colors[index] }} />
                    ${group.name}
                    <b>${percent(group.share)}</b>
                  </span>
                  <${Meter}
                    value=${group.share}
                    most=${widest}
                    color=${colors[index]}
                    label=${`${percent(group.share)} of the layer's activation`}
                  />
                  <span class="chips">
                    ${(group.channels ?? []).slice(0, 4).map(
                      (channel) => html`
                        <span class="chip" title=${`weight ${number(channel.weight)}`}>ch ${channel.channel}</span>
                      `,
                    )}
                  </span>
                </span>
              </button>
              <${Effects} effects=${strongest(group.effects)} most=${most} />
            </li>
          `,
        )}
        ${
          Object.keys(record.data.residual_effects ?? {}).length > 0 &&
          html`
            <li class="card group residual">
              <span class="group-name">not explained by the groups</span>
              <${Effects} effects=${strongest(record.data.residual_effects)} most=${most} />
            </li>
          `
        }
      </ul>
    </div>
  `;
}

/** @param {any} entry @param {string[]} names @returns {number[]} the share of each group at one step */
function sharesOf(entry, names) {
  return names.map((name) => entry.data.groups?.find((group) => group.name === name)?.share ?? 0);
}

/** @param {Record<string, number>|undefined} effects @returns {[string, number][]} the three strongest */
function strongest(effects) {
  const known = Object.entries(effects ?? {}).filter(([, value]) => Number.isFinite(value));
  return known.sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, 3);
}

/** @param {{ctx: any, tag: string, record: any, only: number|null, limit?: number}} props */
export function Thumbnails({ ctx, tag, record, only, limit }) {
  const { probe, maps: sheet, groups = [], class_names: names } = record.data;
  const thumbnails = useSheet(record, probe?.thumbnails);
  const maps = useSheet(record, sheet);
  if (!probe || !sheet)
    return html`
      <${Message}>No probe pictures were recorded with these groups.<//>
    `;
  const count = Math.min(
    probe.thumbnails.count,
    Math.floor(sheet.count / Math.max(1, groups.length)),
    limit ?? Infinity,
  );
  return html`
    <ul class=${limit ? "grid row maps" : "grid maps"}>
      ${Array.from({ length: count }, (_, index) => {
        const id = probe.ids?.[index] ?? `picture ${index}`;
        const right = isRight(probe, index);
        return html`
          <li key=${index}>
            <button
              class="card map"
              aria-pressed=${ctx.isOpen("groups", tag, String(index))}
              onClick=${() => ctx.open("groups", tag, String(index))}
              title=${id}
              aria-label=${`Enlarge ${id}`}
            >
              <${GroupMap}
                thumbnails=${thumbnails}
                index=${index}
                maps=${maps}
                groups=${groups.length}
                only=${only}
                size=${140}
                label=${`${id} with ${only === null ? "all groups" : groups[only]?.name}`}
              />
              ${
                !limit &&
                probe.predictions &&
                html`
                  <${Outcome}
                    predicted=${className(names, probe.predictions[index])}
                    truth=${probe.labels ? className(names, probe.labels[index]) : null}
                    right=${right}
                  />
                `
              }
            </button>
          </li>
        `;
      })}
    </ul>
  `;
}

/** @param {{ctx: any, tag: string, name: string, series: any}} props one probe picture in the side panel */
export function PictureDetail({ ctx, tag, name, series }) {
  const { record, error } = useRecord(ctx.store, ctx.run, tag, stepAt(series.steps, ctx.step));
  const thumbnails = useSheet(record, record?.data.probe?.thumbnails);
  const maps = useSheet(record, record?.data.maps);
  if (error)
    return html`
      <${Message} kind="error">${error}<//>
    `;
  if (!record)
    return html`
      <${Message}>Loading …<//>
    `;
  const { probe, groups = [], class_names: names } = record.data;
  const index = Number(name);
  const common = { thumbnails, index, maps, groups: groups.length };
  return html`
    <div class="pair">
      <figure>
        <${Cell} sheet=${thumbnails} index=${index} size=${180} label="The picture" />
        <figcaption>picture</figcaption>
      </figure>
      <figure>
        <${GroupMap} ...${common} only=${null} size=${180} label="All groups" />
        <figcaption>all groups</figcaption>
      </figure>
    </div>
    <dl class="facts">
      ${
        probe?.labels &&
        html`
          <div>
            <dt>truth</dt>
            <dd>${className(names, probe.labels[index])}</dd>
          </div>
        `
      }
      ${
        probe?.predictions &&
        html`
          <div>
            <dt>prediction</dt>
            <dd>${className(names, probe.predictions[index])}</dd>
          </div>
        `
      }
      <div>
        <dt>layer</dt>
        <dd>${record.layer}</dd>
      </div>
      <div>
        <dt>step</dt>
        <dd>${whole(record.step)}</dd>
      </div>
    </dl>
    <h3>Each group alone</h3>
    <ul class="thumbs large">
      ${groups.map(
        (group, only) => html`
          <li key=${group.name}>
            <${GroupMap} ...${common} only=${only} size=${112} label=${group.name} />
            <span>
              <i class="swatch" style=${{ background: groupStyle(only) }} />
              ${group.name}
            </span>
          </li>
        `,
      )}
    </ul>
  `;
}
