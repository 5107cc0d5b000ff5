/**
 * The row of menus above units, groups and pictures: in which order, which of them, and whose names.
 *
 * @import { Ctx, ShownSeries } from "../model.js"
 * @import { FeaturesData, Probe, TabRecord, Unit } from "../records.js"
 * @import { Shown } from "./picture_filter.js"
 */
import { html } from "../vendor/preact-htm.js";
import { Select, isRight } from "../drawing/parts.js";
import { className, namePicture } from "../format.js";
import { stepAt, useRecord, useSeries } from "../model.js";
import { GROUP_ORDERS } from "./group_order.js";
import { OUTCOMES, classesOf, filterPictures } from "./picture_filter.js";
import { UNIT_ORDERS, UNIT_STATES, arrangeUnits } from "./unit_order.js";

/** The choice that shows all units. */
export const ALL_UNITS = { unit_state: "", unit_text: "" };
/** The choice that shows all groups. */
export const ALL_GROUPS = { group_text: "" };
/** The choice that shows all pictures. */
export const ALL_PICTURES = { outcome: "", label: "", picture_text: "" };

/**
 * @param {{label: string, value: string, onText: (text: string) => void}} props a field whose text names must have
 */
export function TextFilter({ label, value, onText }) {
  return html`
    <input
      class="text-filter"
      type="search"
      aria-label=${label}
      placeholder=${`${label} (regex)`}
      autocomplete="off"
      spellcheck=${false}
      value=${value}
      onInput=${(/** @type {any} */ event) => onText(event.target.value)}
    />
  `;
}

/** @param {{ctx: Ctx}} props for all layers */
export function UnitTools({ ctx }) {
  const { unit_order: order = "", unit_state: state = "", unit_text: text = "" } = ctx.choice;
  return html`
    <div class="arrange-tools" role="group" aria-label="Order and choice of units">
      <${Select} label="Order of units" value=${order} options=${UNIT_ORDERS}
        onChange=${(/** @type {string} */ next) => ctx.choose({ unit_order: next, pages: "" })} />
      <${Select} label="Which units" value=${state} options=${UNIT_STATES}
        onChange=${(/** @type {string} */ next) => ctx.choose({ unit_state: next, pages: "" })} />
      <${TextFilter} label="Find units" value=${text}
        onText=${(/** @type {string} */ next) => ctx.choose({ unit_text: next, pages: "" }, false)} />
    </div>
  `;
}

/**
 * @param {Ctx} ctx
 * @param {ShownSeries|undefined} series
 * @param {TabRecord<FeaturesData>} record
 * @returns {Unit[]} those that are wanted, in the order that is; their change once all steps are known
 */
export function useUnits(ctx, series, record) {
  const { unit_order: order, unit_state: state, unit_text: text } = ctx.choice;
  const asked = order === "change" && series ? series.steps : [];
  const entries = useSeries(ctx.store, ctx.run, series?.tag ?? "", asked);
  return arrangeUnits(record.data.units ?? [], { order, state, text }, entries[0]?.data.units);
}

/**
 * @param {{probe?: Probe|null, class_names?: string[]|null}} data
 * @param {number[]} rows of the probe
 * @returns {Shown[]}
 */
export function describePictures(data, rows) {
  const { probe, class_names: names } = data;
  const said = (/** @type {number|number[]|null|undefined} */ classes) =>
    classes === undefined || classes === null ? [] : [classes].flat().map((one) => className(names, one));
  return rows.map((row) => ({
    name: namePicture(data, row),
    right: isRight(probe, row),
    labels: said(probe?.labels?.[row]),
    predictions: said(probe?.predictions?.[row]),
  }));
}

/** @param {Ctx} ctx @param {Shown[]} pictures @returns {number[]} places of those that are wanted */
export function choosePictures(ctx, pictures) {
  const { outcome, label, picture_text: text } = ctx.choice;
  const asked = classesOf(pictures).includes(label ?? "") ? label : "";
  return filterPictures(pictures, { outcome, label: asked, text });
}

/**
 * @param {{probe?: Probe|null, class_names?: string[]|null, pictures?: any}} data of a record
 * @returns {number[]} rows of the probe that it shows: those that it is about, or all that there are pictures of
 */
export function rowsOf({ probe, pictures }) {
  if (Array.isArray(pictures)) return pictures.map((/** @type {{probe: number}} */ picture) => picture.probe);
  return Array.from({ length: probe?.thumbnails?.count ?? 0 }, (_, row) => row);
}

/** @param {{ctx: Ctx}} props for all layers */
export function GroupListTools({ ctx }) {
  const { group_order: order = "", group_text: text = "" } = ctx.choice;
  return html`
    <div class="arrange-tools" role="group" aria-label="Order and choice of groups">
      <${Select} label="Order of groups" value=${order} options=${GROUP_ORDERS}
        onChange=${(/** @type {string} */ next) => ctx.choose({ group_order: next })} />
      <${TextFilter} label="Find groups" value=${text}
        onText=${(/** @type {string} */ next) => ctx.choose({ group_text: next }, false)} />
    </div>
  `;
}

/** @param {{ctx: Ctx, series: ShownSeries}} props for all views of pictures; `series`: one whose records have them */
export function PictureTools({ ctx, series }) {
  const { record } = useRecord(ctx.store, ctx.run, series.tag, stepAt(series.steps, ctx.step));
  if (!record) return null;
  return html`
    <${PictureMenus} ctx=${ctx} pictures=${describePictures(record.data, rowsOf(record.data))} />
  `;
}

/** @param {{ctx: Ctx, pictures: Shown[]}} props */
function PictureMenus({ ctx, pictures }) {
  const { outcome = "", label = "", picture_text: text = "" } = ctx.choice;
  const classes = classesOf(pictures);
  const judged = pictures.some(({ right }) => right !== null);
  if (pictures.length < 2) return null;
  return html`
    <div class="arrange-tools" role="group" aria-label="Choice of pictures">
      ${
        judged &&
        html`
          <${Select} label="Which pictures" value=${outcome} options=${OUTCOMES}
            onChange=${(/** @type {string} */ next) => ctx.choose({ outcome: next, pages: "" })} />
        `
      }
      ${
        classes.length > 1 &&
        html`
          <${Select} label="Class of pictures" value=${classes.includes(label) ? label : ""}
            options=${[["", "any class"], ...classes.map((name) => [name, name])]}
            onChange=${(/** @type {string} */ next) => ctx.choose({ label: next, pages: "" })} />
        `
      }
      <${TextFilter} label="Find pictures" value=${text}
        onText=${(/** @type {string} */ next) => ctx.choose({ picture_text: next, pages: "" }, false)} />
    </div>
  `;
}
