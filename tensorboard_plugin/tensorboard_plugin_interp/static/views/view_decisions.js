/**
 * What pushed each decision, and where in the picture.
 *
 * @import { Ctx, ShownSeries } from "../model.js"
 * @import { AttributionData, Decision, TabRecord } from "../records.js"
 */
import { html } from "../vendor/preact-htm.js";
import { ALL_PICTURES, choosePictures, describePictures, rowsOf } from "../arranging/arrange_tools.js";
import { Paged } from "../arranging/paged.js";
import { likeOf, useOther } from "../comparing/compared.js";
import { BelowB, TwoPictures } from "../comparing/two_pictures.js";
import { NONE_IN_COMMON, findFlips, haveNoneInCommon } from "../comparing/what_changed.js";
import { Cell, SignedMap } from "../drawing/canvas.js";
import { className, namePicture, number, plural, quantityOf, signed, whole } from "../format.js";
import { useSheet } from "../model.js";
import { tellPlace } from "../saving/save_menu.js";
import { Legend } from "../drawing/direction.js";
import { Cards, Effects, Facts, Layers, Message, Outcome, isRight } from "../drawing/parts.js";

const TOTAL = "The sum of the map: how much of it this layer's activations account for, to first order.";

/** @param {{ctx: Ctx}} props */
export function Decisions({ ctx }) {
  return html`
    <${Layers}
      ctx=${ctx}
      kind="attribution"
      lead=${html`
        Where each decision came from.
        <${Key} />
      `}
      heading=${(/** @type {TabRecord<AttributionData>} */ record) => html`
        <span class="quiet">
          ${methodName(record.data.method)}${record.data.target ? `, target ${record.data.target.name}` : ""}
        </span>
      `}
    >
      ${(/** @type {TabRecord} */ record, /** @type {ShownSeries} */ series) => html`
        <${Grid} ctx=${ctx} tag=${series.tag} record=${record} />
      `}
    <//>
  `;
}

/**
 * @param {TabRecord<AttributionData>} record
 * @param {Decision} picture
 * @returns {string} what was asked about: a class, or in words what is none of the classes that are shown
 */
const nameTarget = (record, picture) =>
  picture.target === null || picture.target === undefined
    ? (record.data.target?.name ?? "the target")
    : className(record.data.class_names, picture.target);

/** What the two colors mean. */
export function Key() {
  return html`
    <span class="key">
      <span>
        <i class="swatch plus" />
        blue pushes toward the target
      </span>
      <span>
        <i class="swatch minus" />
        orange pushes against it
      </span>
    </span>
  `;
}

/** @param {string|undefined} method @returns {string} */
const methodName = (method) => String(method ?? "").replaceAll("_", " ");

/** @param {{ctx: Ctx, tag: string, record: TabRecord<AttributionData>, limit?: number}} props */
export function Grid({ ctx, tag, record, limit }) {
  const { probe, pictures = [], class_names: names } = record.data;
  const sheets = useSheets(record);
  const some = pictures.slice(0, limit);
  const other = useOther(ctx, record, likeOf(ctx, record));
  const flips = limit ? [] : findFlips(other.record?.data.probe, probe).flips;
  const flipped = new Map(flips.map(({ after, was }) => [after, was]));
  const theirs = other.record?.data.probe;
  const ids = new Set(theirs?.predictions ? theirs.ids : []);
  const both = probe?.predictions ? some.filter(({ probe: row }) => ids.has(probe.ids?.[row])).length : 0;
  const differing = some.filter(({ probe: row }) => flipped.has(row)).length;
  const only = ctx.choice.flips === "only" && both > 0;
  const chosen = limit ? some.map((_, index) => index) : choosePictures(ctx, describePictures(record.data, rowsOf(record.data)));
  const kept = only && !limit ? chosen.filter((index) => flipped.has(some[index].probe)) : chosen;
  const card = (/** @type {number} */ index) => {
    const picture = some[index];
    const id = namePicture(record.data, picture.probe);
    const target = nameTarget(record, picture);
    const prediction = probe?.predictions?.[picture.probe];
    return {
      name: String(index),
      title: id,
      label: `${id}, target ${target}: show details`,
      content: html`
        <${SignedMap}
          ...${sheets}
          probe=${picture.probe}
          index=${index}
          size=${200}
          label=${`What pushed ${id} toward and against ${target}`}
        />
        ${
          !limit &&
          html`
            ${
              prediction !== undefined &&
              prediction !== null &&
              html`
                <${Outcome}
                  predicted=${className(names, prediction)}
                  truth=${probe?.labels ? className(names, probe.labels[picture.probe]) : null}
                  right=${isRight(probe, picture.probe)}
                />
              `
            }
            ${flipped.has(picture.probe) && html`<span class="versus-flip">A: ${className(names, flipped.get(picture.probe))}, B: ${className(names, prediction)}</span>`}
            <span class="decision-line quiet">
              <span>${quantityOf(record)} of ${target}</span>
              <b>${number(picture.logit)}</b>
            </span>
          `
        }
      `,
    };
  };
  const grid = limit ? "grid row maps" : "grid decisions";
  return html`
    ${
      !limit &&
      html`
        ${other.state === "lacks" && html`<${Message}>A has no maps of ${record.layer}: which decisions differ is not marked here.<//>`}
        ${
          haveNoneInCommon(theirs, probe) &&
          html`
            <p class="versus-told">${NONE_IN_COMMON}</p>
          `
        }
        ${
          both > 0 &&
          html`
            <p class="versus-told" data-reveal="flips" tabindex="-1">
              Of ${plural(both, "picture")} here that A has too, ${differing} ${differing === 1 ? "is" : "are"} taken for something else in B
              than in A.${" "}
              <button class="button" aria-pressed=${only} onClick=${() => ctx.choose({ flips: only ? "" : "only" })}>
                Only those that differ
              </button>
            </p>
          `
        }
        <${Legend} sheet=${probe?.thumbnails} of="Probe: " />
      `
    }
    <${Paged} ctx=${ctx} place=${tag} what="picture" count=${kept.length} total=${some.length} all=${{ ...ALL_PICTURES, flips: "" }}>
      ${(/** @type {number} */ from, /** @type {number} */ to) => html`
        <${Cards} ctx=${ctx} kind="attribution" tag=${tag} look="map" grid=${grid} cards=${kept.slice(from, to).map(card)} />
      `}
    <//>
  `;
}

/** @param {TabRecord<AttributionData>|null} record */
function useSheets(record) {
  const thumbnails = useSheet(record ?? undefined, record?.data.probe?.thumbnails);
  const positive = useSheet(record ?? undefined, record?.data.positive);
  const negative = useSheet(record ?? undefined, record?.data.negative);
  return { thumbnails, positive, negative };
}

/**
 * @param {AttributionData|undefined} theirs
 * @param {AttributionData} ours
 * @param {Decision} picture of ours
 * @returns {number} which of theirs is of the same picture, and of the same target where one is; -1 if none is
 */
function findSame(theirs, ours, picture) {
  const id = ours.probe?.ids?.[picture.probe];
  const places = (theirs?.pictures ?? []).flatMap(({ probe }, place) => (id !== undefined && theirs?.probe?.ids?.[probe] === id ? [place] : []));
  return places.find((place) => theirs?.pictures?.[place].target === picture.target) ?? places[0] ?? -1;
}

/**
 * @param {{ctx: Ctx, there: TabRecord<AttributionData>, here: TabRecord<AttributionData>, places: number[]}} props the map of
 *   one picture on both sides
 */
function MapSides({ ctx, there, here, places }) {
  const sheets = [useSheets(there), useSheets(here)];
  const both = [there, here].map((record, side) => ({ record, picture: /** @type {Decision} */ (record.data.pictures?.[places[side]]) }));
  const targets = both.map(({ record, picture }) => nameTarget(record, picture));
  const id = namePicture(here.data, both[1].picture.probe);
  return html`
    <${TwoPictures} ctx=${ctx} name=${id}
      sides=${both.map(({ record, picture }, side) => ({
        picture: html`
          <${SignedMap} ...${sheets[side]} probe=${picture.probe} index=${places[side]} size=${368}
            label=${`What pushed ${id} toward and against ${targets[side]}, ${"AB"[side]}`} />
        `,
        place: tellPlace(side ? ctx.run : (ctx.compared?.run ?? ""), record.layer, record.step),
      }))} />
    <p class="caption">
      ${targets[0] === targets[1] ? "" : `A is about ${targets[0]}, B about ${targets[1]}. `}Each side has its own scale of colors.
    </p>
  `;
}

/** @param {{ctx: Ctx, name: string, record: TabRecord<AttributionData>}} props one decision in the side panel */
export function DecisionDetail({ ctx, name, record }) {
  const sheets = useSheets(record);
  const other = useOther(ctx, record, likeOf(ctx, record));
  const { probe, class_names: names, method } = record.data;
  const picture = record.data.pictures?.[Number(name)];
  if (!picture)
    return html`
      <${Message}>This picture has no attribution at this step.<//>
    `;
  const top = (picture.top ?? []).map((entry) => ({ name: className(names, entry.target), logit: entry.logit }));
  const most = Math.max(...top.map((entry) => Math.abs(entry.logit ?? 0)), 1e-9);
  const target = nameTarget(record, picture);
  const there = /** @type {TabRecord<AttributionData>|null} */ (other.record);
  const place = findSame(there?.data, record.data, picture);
  const before = there?.data.pictures?.[place];
  return html`
    ${
      there && before
        ? html`<${MapSides} ctx=${ctx} there=${there} here=${record} places=${[place, Number(name)]} />`
        : html`
            <div class="hero-picture">
              <${SignedMap}
                ...${sheets}
                probe=${picture.probe}
                index=${Number(name)}
                size=${368}
                label=${`What pushed toward and against ${target}`}
              />
            </div>
          `
    }
    ${there && !before && html`<p class="versus-told">A has no map of this picture.</p>`}
    <p class="caption"><${Key} /></p>
    <${BelowB} ctx=${ctx} record=${record} />
    <div class="pair">
      <figure>
        <${Cell} sheet=${sheets.thumbnails} index=${picture.probe} size=${120} label="The picture" />
        <figcaption>picture</figcaption>
      </figure>
      <figure>
        <${SignedMap}
          ...${{ ...sheets, thumbnails: undefined, shape: sheets.thumbnails }}
          probe=${picture.probe}
          index=${Number(name)}
          size=${120}
          label="The map alone"
        />
        <figcaption>map alone</figcaption>
      </figure>
    </div>
    <${Facts}
      facts=${[
        ["target", target, undefined, there && before ? nameTarget(there, before) : undefined],
        [quantityOf(record), number(picture.logit), undefined, before && number(before.logit)],
        ["total attribution", signed(picture.total), TOTAL, before && signed(before.total)],
        probe?.labels && ["truth", className(names, probe.labels[picture.probe])],
        ["method", methodName(method)],
        ["step", whole(record.step)],
      ]}
    />
    ${
      top.length > 0 &&
      html`
        <h3>Highest by class: ${quantityOf(record)}</h3>
        <${Effects} effects=${top.map((entry) => [entry.name, entry.logit])} most=${most} />
      `
    }
  `;
}
