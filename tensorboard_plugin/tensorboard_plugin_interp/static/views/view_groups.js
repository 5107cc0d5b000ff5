/**
 * Neurons that fire together: where they do, what they look for, and what they do to the decision.
 *
 * @import { Ctx, ShownSeries } from "../model.js"
 * @import { GroupsData, TabRecord } from "../records.js"
 */
import { html, useState } from "../vendor/preact-htm.js";
import { ALL_GROUPS, ALL_PICTURES, GroupListTools, PictureTools, choosePictures, describePictures, rowsOf } from "../arranging/arrange_tools.js";
import { arrangeGroups } from "../arranging/group_order.js";
import { Paged } from "../arranging/paged.js";
import { Cell, GroupMap } from "../drawing/canvas.js";
import { Legend, Swatch } from "../drawing/direction.js";
import { className, namePicture, percent, plural, quantityOf, whole } from "../format.js";
import { useSheet, useWholeSeries } from "../model.js";
import { PictureSides } from "../groups/comparison/large_sides.js";
import { Comparison } from "../groups/comparison/side_by_side.js";
import { GroupCard, strongest } from "../groups/group_card.js";
import { GroupTools, chooseVariant } from "../groups/group_tools.js";
import { GroupDetail } from "../groups/group_detail.js";
import { colorsOf, identityOf, orderOf, stylesOf } from "../groups/group_look.js";
import { namesOf } from "../groups/names/group_name.js";
import { ShareHistory } from "../groups/share_history.js";
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
  const chosen = { ...ctx, series: { ...ctx.series, groups: chooseVariant(ctx.series.groups, ctx.choice.k) } };
  return html`
    <${Layers}
      ctx=${chosen}
      kind="groups"
      about="groups"
      lead=${html`
        ${LEAD}
        <${GroupTools} ctx=${ctx} />
        <span class="arrange-rows">
          <${PictureTools} ctx=${ctx} series=${chosen.series.groups[0]} />
          <${GroupListTools} ctx=${ctx} />
        </span>
      `}
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
  const [pointed, setPointed] = useState(/** @type {number|null} */ (null)); // by identity: steps may exchange places
  const icons = useSheet(record, record.data.icons);
  const { entries, waiting } = useWholeSeries(ctx.store, ctx.run, series.tag, series.steps);
  const { groups = [], residual_effects: residual = {} } = record.data;
  const identities = groups.map(identityOf);
  const key = (/** @type {number} */ identity) => JSON.stringify([series.tag, identity]);
  const held = identities.find((identity) => key(identity) === ctx.choice.group) ?? null;
  const find = (/** @type {number|null} */ identity) => {
    const index = identity === null ? -1 : identities.indexOf(identity);
    return index < 0 ? null : index;
  };
  const shown = find(held);
  const only = find(pointed) ?? shown;
  const colors = stylesOf(groups);
  const order = orderOf(entries, groups);
  const effects = groups.flatMap((group) => Object.values(group.effects ?? {}));
  const most = Math.max(...effects.map((value) => Math.abs(value ?? 0)), 1e-9);
  const widest = Math.max(...groups.map((group) => group.share ?? 0), 1e-9);
  const names = namesOf(ctx, record.layer, groups);
  const { group_order, group_text } = ctx.choice;
  const listed = arrangeGroups(groups, order, names, { order: group_order, text: group_text });
  return html`
    ${
      ctx.compared &&
      html`
        <${Comparison} ctx=${ctx} series=${series} record=${record} />
      `
    }
    <div class="split">
      <div>
        <${Thumbnails} ctx=${ctx} tag=${series.tag} record=${record} only=${only} />
        ${
          shown !== null &&
          html`
            <${GroupDetail} ctx=${ctx} record=${record} index=${shown} />
          `
        }
        <${Switches} ctx=${ctx} record=${record} order=${order} only=${only} />
        <${ShareHistory} ctx=${ctx} record=${record} entries=${entries} only=${only} />
      </div>
      <ul class="group-list" aria-busy=${waiting && !entries.length} onPointerLeave=${() => setPointed(null)}>
        <li class="caption">
          Share of the activation, strongest channels,${" "}
          <${Term} tip=${EFFECT}>mean effect (${quantityOf(record)})<//>
          <${Legend} sheet=${record.data.icons} of="Icons: " />
        </li>
        ${
          listed.length < groups.length &&
          html`
            <li class="arranged-line" role="status">
              ${listed.length} of ${plural(groups.length, "group")}${" "}
              <button class="link" onClick=${() => ctx.choose(ALL_GROUPS)}>Show all ${groups.length}</button>
            </li>
          `
        }
        ${listed.map(
          (index) => html`
            <${GroupCard}
              key=${identities[index]}
              ctx=${ctx}
              record=${record}
              index=${index}
              name=${names[index]}
              icons=${icons}
              color=${colors[index]}
              widest=${widest}
              most=${most}
              look=${only === index ? "active" : only === null ? "" : "faint"}
              held=${held === identities[index]}
              onPoint=${(/** @type {boolean} */ here) => setPointed(here ? identities[index] : null)}
              onHold=${(/** @type {boolean} */ now) => ctx.choose({ group: now ? key(identities[index]) : "" })}
            />
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
  const rows = rowsOf({ probe }).slice(0, count);
  const kept = limit ? rows : choosePictures(ctx, describePictures(record.data, rows));
  const colors = colorsOf(groups);
  const called = namesOf(ctx, record.layer, groups);
  const card = (/** @type {number} */ index) => {
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
          colors=${colors}
          only=${only}
          size=${140}
          label=${`${id} with ${only === null ? "all groups" : called[only]}`}
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
  };
  const grid = limit ? "grid row maps" : "grid maps";
  return html`
    ${
      !limit &&
      html`
        <${Legend} sheet=${probe.thumbnails} of="Probe: " />
      `
    }
    <${Paged} ctx=${ctx} place=${tag} what="picture" count=${kept.length} total=${count} all=${ALL_PICTURES}>
      ${(/** @type {number} */ from, /** @type {number} */ to) => html`
        <${Cards} ctx=${ctx} kind="groups" tag=${tag} look="map" grid=${grid} cards=${kept.slice(from, to).map(card)} />
      `}
    <//>
  `;
}

/** @param {{ctx: Ctx, name: string, series: ShownSeries, record: TabRecord<GroupsData>}} props one probe picture in the side panel */
export function PictureDetail({ ctx, name, series, record }) {
  const { probe, maps: sheet, groups = [], class_names: names } = record.data;
  const thumbnails = useSheet(record, probe?.thumbnails);
  const maps = useSheet(record, sheet);
  const index = Number(name);
  const common = { thumbnails, index, maps, colors: colorsOf(groups) };
  const called = namesOf(ctx, record.layer, groups);
  const styles = stylesOf(groups);
  return html`
    <${PictureSides} ctx=${ctx} series=${series} record=${record} index=${index} />
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
      ${orderOf([], groups).map(
        (only) => html`
          <li key=${only}>
            <${GroupMap} ...${common} only=${only} size=${112} label=${called[only]} />
            <span>
              <${Swatch} color=${styles[only]} />
              ${called[only]}
            </span>
          </li>
        `,
      )}
    </ul>
  `;
}
