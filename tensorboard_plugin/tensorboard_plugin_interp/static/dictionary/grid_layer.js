/**
 * A picture as a layer has it: each position is what it stands for, as large as its activation vector is long.
 *
 * @import { LoadedSheet, ShownSeries } from "../model.js"
 * @import { DictionaryData, TabRecord } from "../records.js"
 * @import { Place } from "./dictionary_record.js"
 * @import { Drawable } from "../drawing/canvas.js"
 */
import { html } from "../vendor/preact-htm.js";
import { Canvas, isLoading, isThere, place as cellOf, ratioOf } from "../drawing/canvas.js";
import { Term } from "../drawing/parts.js";
import { decimals, namePicture, number } from "../format.js";
import { useSheet } from "../model.js";
import { areasOf, cropOf, magnitudeAt, positionAt, sourceOf, strongestPlace } from "./dictionary_record.js";
import { Surface } from "./surface.js";

const SIDE = 300; // of the grid
const LENS = 104; // of what is magnified
const COSINE =
  "How far the two activation vectors point the same way: 1 is exactly. In brackets the mean of any two positions: " +
  "near it, the likeness says little.";

/**
 * @param {{series: ShownSeries, record: TabRecord<DictionaryData>, picture: number, sized: boolean, place: Place|null,
 *   held: boolean, onPlace: (place: Place, held: boolean) => void}} props `sized`: whether the area of a cell says how long
 *   its vector is
 */
export function GridLayer({ series, record, picture, sized, place, held, onPlace }) {
  const { data } = record;
  const sheets = useGridSheets(record);
  const there = place ?? strongestPlace(data, picture);
  if (!hasGrid(data, picture)) return null;
  return html`
    <div class="dictionary-grid">
      <${Surface}
        data=${data}
        label=${`Picture ${picture + 1} as ${series.layer} has it`}
        place=${there}
        held=${held}
        onPlace=${onPlace}
      >
        <${Mosaic} data=${data} picture=${picture} sheets=${sheets} sized=${sized} layer=${series.layer} />
      <//>
      <${Lens} record=${record} picture=${picture} sheets=${sheets} place=${there} />
    </div>
  `;
}

/**
 * @param {TabRecord<DictionaryData>} record
 * @returns {{thumbnails: LoadedSheet|undefined, drawn: LoadedSheet|undefined}}
 */
export function useGridSheets(record) {
  const thumbnails = useSheet(record, record.data.probe?.thumbnails);
  const drawn = useSheet(record, record.data.grid);
  return { thumbnails, drawn };
}

/** @param {DictionaryData} data @param {number} picture @returns {boolean} whether there is something to draw */
export function hasGrid(data, picture) {
  const cells = (data.rows ?? 1) * (data.columns ?? 1);
  return data.grid ? (picture + 1) * cells <= data.grid.count : sourceOf(data, picture, 0) !== null;
}

/**
 * Where the picture of a position is to be found.
 * @param {DictionaryData} data
 * @param {number} picture
 * @param {number} index
 * @param {{thumbnails: LoadedSheet|undefined, drawn: LoadedSheet|undefined}} sheets
 * @returns {{sheet: Drawable, x: number, y: number, width: number, height: number}|null}
 */
function findCell(data, picture, index, { thumbnails, drawn }) {
  if (data.grid)
    return isThere(drawn)
      ? { sheet: drawn, ...cellOf(drawn, picture * (data.rows ?? 1) * (data.columns ?? 1) + index) }
      : null;
  const source = sourceOf(data, picture, index);
  if (!source || !isThere(thumbnails) || source.probe >= thumbnails.count) return null;
  const whole = cellOf(thumbnails, source.probe);
  const part = cropOf(data, source);
  return {
    sheet: thumbnails,
    x: whole.x + part.left * whole.width,
    y: whole.y + part.top * whole.height,
    width: part.width * whole.width,
    height: part.height * whole.height,
  };
}

/**
 * @param {{data: DictionaryData, picture: number, layer: string, sized: boolean,
 *   sheets: {thumbnails: LoadedSheet|undefined, drawn: LoadedSheet|undefined}}} props
 */
export function Mosaic({ data, picture, sheets, sized, layer }) {
  const { rows = 1, columns = 1 } = data;
  const ready = isThere(data.grid ? sheets.drawn : sheets.thumbnails);
  const draw = ready
    ? (/** @type {CanvasRenderingContext2D} */ context) => {
        const [width, height] = [context.canvas.width / columns, context.canvas.height / rows];
        context.clearRect(0, 0, context.canvas.width, context.canvas.height);
        context.imageSmoothingEnabled = true;
        context.imageSmoothingQuality = "high";
        areasOf(data, picture).forEach((area, index) => {
          const cell = area > 0 ? findCell(data, picture, index, sheets) : null;
          if (!cell) return;
          const side = sized ? Math.sqrt(area) : 1;
          const left = ((index % columns) + (1 - side) / 2) * width;
          const top = (Math.floor(index / columns) + (1 - side) / 2) * height;
          const { sheet, x, y, width: w, height: h } = cell;
          context.drawImage(sheet.image, x, y, w, h, left, top, side * width, side * height);
        });
      }
    : null;
  return html`
    <${Canvas}
      size=${SIDE}
      ratio=${ratioOf(sheets.thumbnails, data.pictures?.[picture]?.probe ?? 0)}
      label=${`What each position of ${layer} stands for`}
      draw=${draw}
      depends=${[sheets.thumbnails?.image, sheets.drawn?.image, data, picture, sized, Boolean(draw)]}
      loading=${isLoading(data.grid ? sheets.drawn : sheets.thumbnails)}
    />
  `;
}

/**
 * What stands for a position, enlarged, and where it comes from.
 * @param {{record: TabRecord<DictionaryData>, picture: number, place: Place,
 *   sheets: {thumbnails: LoadedSheet|undefined, drawn: LoadedSheet|undefined}, title?: any}} props
 */
export function Lens({ record, picture, sheets, place, title }) {
  const { data } = record;
  const { typical_likeness: typical } = data;
  const { index } = positionAt(data, place);
  const length = magnitudeAt(data, picture, index);
  const cell = length > 0 ? findCell(data, picture, index, sheets) : null;
  const source = sourceOf(data, picture, index);
  const id = source && namePicture(data, source.probe);
  const draw = cell
    ? (/** @type {CanvasRenderingContext2D} */ context) => {
        const { sheet, x, y, width, height } = cell;
        context.imageSmoothingEnabled = true;
        context.imageSmoothingQuality = "high";
        context.drawImage(sheet.image, x, y, width, height, 0, 0, context.canvas.width, context.canvas.height);
      }
    : null;
  const said = cell ? (source ? `position ${source.row}, ${source.column} of ${id}` : "drawn") : "silent";
  return html`
    <figure class="lens">
      <${Canvas}
        size=${LENS}
        ratio=${cell ? cell.width / cell.height : 1}
        label=${`What stands for it: ${said}`}
        draw=${draw}
        depends=${[cell?.sheet.image, cell?.x, cell?.y, Boolean(draw)]}
        loading=${isLoading(data.grid ? sheets.drawn : sheets.thumbnails)}
      />
      <figcaption>
        ${title}
        <span>${said}</span>
        ${
          cell &&
          source?.likeness !== null &&
          source?.likeness !== undefined &&
          html`
            <span>
              <${Term} tip=${COSINE}>cosine<//> ${decimals(source.likeness / 100, 2)}
              ${
                typical !== null &&
                typical !== undefined &&
                html`
                  <small> (any two ${decimals(typical / 100, 2)})</small>
                `
              }
            </span>
          `
        }
        <span>length ${number(length)}</span>
      </figcaption>
    </figure>
  `;
}
