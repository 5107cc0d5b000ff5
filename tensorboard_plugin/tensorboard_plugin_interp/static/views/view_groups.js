/**
 * Neurons that fire together: where they do, what they look for, and what they do to the decision.
 *
 * @import { Ctx, ShownSeries } from "../model.js"
 * @import { Entry, GroupsData, TabRecord } from "../records.js"
 */
import { html, useState } from "../vendor/preact-htm.js";
import { Cell, GroupMap, groupStyle } from "../drawing/canvas.js";
import { ShareChart } from "../drawing/charts.js";
import { Direction, Legend, Swatch } from "../drawing/direction.js";
import { className, namePicture, number, percent, plural, quantityOf, whole } from "../format.js";
import { useSeries, useSheet } from "../model.js";
import { Events, GroupDetail, Name } from "../groups/group_detail.js";
import { Switches } from "../groups/switches.js";
import { Cards, Effects, Facts, Layers, Message, Outcome, Term, isRight } from "../drawing/parts.js";

const LEAD =
  "Neurons of one layer that fire together, found by factorizing its activations. The colors on the pictures show " +
  "where each group fires; point at a group to see it alone.";
const EFFECT =
  "The gradient of the target times the group’s activation, summed over positions and averaged over the probe pictures.";

/**
 * What the error is of, where a part of the activation is negative and the groups leave it out.
 *
 * @param {number|undefined} part of the activation
 */
const tellLeftOut = (part) =>
  part && part > 1e-6 ? ` of what is not negative (${percent(part)} of the activation is, and is left out)` : "";

/** @param {{ctx: Ctx}} props */
export function Groups({ ctx }) {
  return html`
    <${Layers}
      ctx=${ctx}
      kind="groups"
      lead=${LEAD}
      heading=${(/** @type {TabRecord<GroupsData>} */ record) => html`
        <span class="quiet">
          ${plural((record.data.groups ?? []).length, "group")} ·${" "}
          <${Term} tip="How far the groups together are from the activations they stand for: 0 is exact.">
            reconstruction error
          <//>
          ${` ${percent(record.data.error)}`}${tellLeftOut(record.data.left_out)}
        </span>
      `}
    >
      ${(/** @type {TabRecord} */ record, /** @type {ShownSeries} */ series) => html`
        <${Body} ctx=${ctx} series=${series} record=${record} />
      `}
    <//>
  `;
}

/** @param {{ctx: Ctx, series: ShownSeries, record: TabRecord<GroupsData>}} props */
function Body({ ctx, series, record }) {
  const [pointed, setPointed] = useState(/** @type {number|null} */ (null));
  const [held, setHeld] = useState(/** @type {number|null} */ (null));
  const only = pointed ?? held;
  const icons = useSheet(record, record.data.icons);
  const entries = useSeries(ctx.store, ctx.run, series.tag, series.steps);
  const { groups = [], residual_effects: residual = {} } = record.data;
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
          held !== null &&
          groups[held] &&
          html`
            <${GroupDetail} record=${record} index=${held} />
          `
        }
        <${Switches} ctx=${ctx} record=${record} only=${only} />
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
              <${Events} record=${record} />
            </div>
          `
        }
      </div>
      <ul class="group-list" onPointerLeave=${() => setPointed(null)}>
        <li class="caption">
          Share of the activation, strongest channels,${" "}
          <${Term} tip=${EFFECT}>mean effect (${quantityOf(record)})<//>
          <${Legend} sheet=${record.data.icons} of="Icons: " />
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
                title=${held === index ? "Show all groups again" : "Show this group alone, and what it is"}
              >
                <${Direction}
                  name=${group.name}
                  sheet=${icons}
                  picture=${group.icon}
                  size=${72}
                  color=${colors[index]}
                  strength=${{
                    value: group.share ?? 0,
                    most: widest,
                    text: percent(group.share),
                    label: `${percent(group.share)} of the layer's activation`,
                  }}
                >
                  ${
                    Array.isArray(record.data.icons?.legend) &&
                    html`
                      <${Legend} sheet=${record.data.icons} index=${group.icon ?? -1} />
                    `
                  }
                  <${Name} group=${group} />
                  <span class="chips">
                    ${(group.channels ?? []).slice(0, 4).map(
                      (channel) => html`
                        <span class="chip" title=${`weight ${number(channel.weight)}`}>ch ${channel.channel}</span>
                      `,
                    )}
                  </span>
                <//>
              </button>
              <${Effects} effects=${strongest(group.effects)} most=${most} />
            </li>
          `,
        )}
        ${
          Object.keys(residual).length > 0 &&
          html`
            <li class="card group residual">
              <span class="direction-name">not explained by the groups</span>
              <${Effects} effects=${strongest(residual)} most=${most} />
            </li>
          `
        }
      </ul>
    </div>
  `;
}

/** @param {Entry<GroupsData>} entry @param {string[]} names @returns {number[]} the share of each group at one step */
function sharesOf(entry, names) {
  return names.map((name) => entry.data.groups?.find((group) => group.name === name)?.share ?? 0);
}

/** @param {Record<string, number>|undefined} effects @returns {[string, number][]} the three strongest */
function strongest(effects) {
  const known = Object.entries(effects ?? {}).filter(([, value]) => Number.isFinite(value));
  return known.sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, 3);
}

/** @param {{ctx: Ctx, tag: string, record: TabRecord<GroupsData>, only: number|null, limit?: number}} props */
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
  const cards = Array.from({ length: count }, (_, index) => {
    const id = namePicture(record.data, index);
    return {
      name: String(index),
      title: id,
      label: `Enlarge ${id}`,
      content: html`
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
              right=${isRight(probe, index)}
            />
          `
        }
      `,
    };
  });
  const grid = limit ? "grid row maps" : "grid maps";
  return html`
    ${
      !limit &&
      html`
        <${Legend} sheet=${probe.thumbnails} of="Probe: " />
      `
    }
    <${Cards} ctx=${ctx} kind="groups" tag=${tag} look="map" grid=${grid} cards=${cards} />
  `;
}

/** @param {{name: string, record: TabRecord<GroupsData>}} props one probe picture in the side panel */
export function PictureDetail({ name, record }) {
  const { probe, maps: sheet, groups = [], class_names: names } = record.data;
  const thumbnails = useSheet(record, probe?.thumbnails);
  const maps = useSheet(record, sheet);
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
    <${Facts}
      facts=${[
        probe?.labels && ["truth", className(names, probe.labels[index])],
        probe?.predictions && ["prediction", className(names, probe.predictions[index])],
        ["layer", record.layer],
        ["step", whole(record.step)],
      ]}
    />
    <h3>Each group alone</h3>
    <ul class="thumbs large">
      ${groups.map(
        (group, only) => html`
          <li key=${group.name}>
            <${GroupMap} ...${common} only=${only} size=${112} label=${group.name} />
            <span>
              <${Swatch} color=${groupStyle(only)} />
              ${group.name}
            </span>
          </li>
        `,
      )}
    </ul>
  `;
}
