/**
 * A group, or a probe picture with all groups, of both sides as large as there is room: side by side, in one place, or wiped.
 *
 * @import { Ctx, ShownSeries } from "../../model.js"
 * @import { GroupsData, TabRecord } from "../../records.js"
 * @import { GroupSide } from "./other_groups.js"
 */
import { html, useState } from "../../vendor/preact-htm.js";
import { BelowB, TwoPictures } from "../../comparing/two_pictures.js";
import { Cell, GroupMap } from "../../drawing/canvas.js";
import { namePicture } from "../../format.js";
import { tellPlace } from "../../saving/save_menu.js";
import { pairColors } from "./comparison_numbers.js";
import { useOtherGroups, usePairs, useSide } from "./other_groups.js";

const MAPS = 2; // probe pictures of a row
const LARGE = 320;

/**
 * @param {GroupSide} one
 * @param {GroupSide} other
 * @returns {[number, number][]} rows of the pictures that both have maps of
 */
function commonPictures(one, other) {
  const shown = (/** @type {GroupSide} */ { data, maps }) => (data.probe?.ids ?? []).slice(0, Math.floor((maps?.count ?? 0) / Math.max(1, data.groups?.length ?? 0)));
  const [ids, others] = [shown(one), shown(other)];
  return ids.flatMap((id, row) => (others.includes(id) ? [[row, others.indexOf(id)]] : []));
}

/**
 * @param {{ctx: Ctx, sides: GroupSide[], indices: number[], colors: number[][], places: string[], name: string}} props of A
 *   and B each; drawn only once a person opens it
 */
export function RowLarge({ ctx, sides, indices, colors, places, name }) {
  const [open, setOpen] = useState(false);
  const icons = sides.map(({ data }, side) => data.groups?.[indices[side]]?.icon);
  const drawn = icons.every((icon) => typeof icon === "number");
  const common = commonPictures(sides[0], sides[1]).slice(0, MAPS);
  if (!drawn && !common.length) return null;
  const of = (/** @type {string} */ what, /** @type {(side: number, label: string) => any} */ draw) => html`
    <figure key=${what}>
      <${TwoPictures} ctx=${ctx} name=${`${name}, ${what}`}
        sides=${[0, 1].map((side) => ({ picture: draw(side, `${name}, ${what}, ${"AB"[side]}`), place: places[side] }))} />
      <figcaption class="caption">${what}</figcaption>
    </figure>
  `;
  return html`
    <details class="compared-large" onToggle=${(/** @type {any} */ event) => setOpen(event.target.open)}>
      <summary>Larger</summary>
      ${
        open &&
        html`
          <div class="compared-figures">
            ${drawn && of("what it looks for", (side, label) => html`<${Cell} sheet=${sides[side].icons} index=${icons[side]} size=${LARGE} label=${label} />`)}
            ${common.map((rows) =>
              of(
                namePicture(sides[1].data, rows[1]),
                (side, label) => html`
                  <${GroupMap} thumbnails=${sides[side].thumbnails} index=${rows[side]} maps=${sides[side].maps} colors=${colors[side]}
                    only=${indices[side]} size=${LARGE} label=${label} />
                `,
              ),
            )}
          </div>
        `
      }
    </details>
  `;
}

/** @param {{ctx: Ctx, series: ShownSeries, record: TabRecord<GroupsData>, index: number}} props a probe picture in the side panel */
export function PictureSides({ ctx, series, record, index }) {
  const { there } = useOtherGroups(ctx, series, record);
  if (!ctx.compared || !there) return null;
  return html`
    <${Both} ctx=${ctx} there=${there} here=${record} index=${index} />
  `;
}

/** @param {{ctx: Ctx, there: TabRecord<GroupsData>, here: TabRecord<GroupsData>, index: number}} props */
function Both({ ctx, there, here, index }) {
  const { run = "", own = false } = ctx.compared ?? {};
  const sides = [useSide(there), useSide(here)];
  const found = usePairs(sides[0], sides[1], own);
  const rows = commonPictures(sides[0], sides[1]).find(([, row]) => row === index);
  if (!found) return null;
  if (!rows)
    return html`
      <p class="versus-told">A has no map of this picture.</p>
      <${BelowB} ctx=${ctx} record=${here} />
    `;
  const colors = pairColors(found.rows, there.data.groups ?? [], here.data.groups ?? []);
  const id = namePicture(here.data, index);
  const places = [tellPlace(run, there.layer, there.step), tellPlace(ctx.run, here.layer, here.step)];
  return html`
    <p class="caption">All groups in A and B</p>
    <${TwoPictures} ctx=${ctx} name=${id}
      sides=${[colors.there, colors.here].map((some, side) => ({
        picture: html`
          <${GroupMap} thumbnails=${sides[side].thumbnails} index=${rows[side]} maps=${sides[side].maps} colors=${some} only=${null}
            size=${LARGE} label=${`${id} with all groups, ${"AB"[side]}`} />
        `,
        place: places[side],
      }))} />
    <p class="caption">Groups that are the same on both sides have one color.</p>
    <${BelowB} ctx=${ctx} record=${here} />
  `;
}
