/**
 * The same picture in the dictionaries of A and B, cell by cell: where other words fire, which ones, and what stands for each position.
 *
 * @import { Ctx, ShownSeries } from "../model.js"
 * @import { DictionaryData, TabRecord } from "../records.js"
 * @import { Place } from "./dictionary_record.js"
 */
import { html, useMemo } from "../vendor/preact-htm.js";
import { OTHER_CHANNELS, likeOf, sideName, tellSame, useOther } from "../comparing/compared.js";
import { TwoPictures } from "../comparing/two_pictures.js";
import { Message } from "../drawing/parts.js";
import { number, percent, plural, signed, whole } from "../format.js";
import { useSheet } from "../model.js";
import { tellPlace } from "../saving/save_menu.js";
import { changesOf, findPicture, havePairs, pairWords } from "./dictionary_changes.js";
import { Icon, Shining } from "./dictionary_layer.js";
import { entriesAt, magnitudeAt, positionAt, strongestPlace } from "./dictionary_record.js";
import { Mosaic, hasGrid, useGridSheets } from "./grid_layer.js";
import { Surface, Tokens } from "./surface.js";

/**
 * @typedef {object} Cursor what is looked at
 * @property {Ctx} ctx
 * @property {ShownSeries} series
 * @property {TabRecord<DictionaryData>} record
 * @property {number} picture
 * @property {Place|null} place
 * @property {boolean} held
 * @property {(place: Place, held: boolean) => void} onPlace
 * @property {boolean} sized
 */

/** @param {Cursor} props */
export function DictionarySides(props) {
  const { ctx, record, picture } = props;
  const other = useOther(ctx, record, likeOf(ctx, record));
  const there = /** @type {TabRecord<DictionaryData>|null} */ (other.record);
  if (other.state === "none") return null;
  if (other.state === "same") return record.step === ctx.step ? null : html`<${Message}>${tellSame(record.step)}<//>`;
  if (other.state === "error") return html`<${Message} kind="error">${other.error}<//>`;
  if (other.state === "lacks") return html`<${Message}>A has no dictionary of ${record.layer}.<//>`;
  if (!there) return html`<${Message}>Loading what it is compared with …<//>`;
  const before = findPicture(there.data, record.data, picture);
  if (before < 0) return html`<${Message}>A has no entries of this picture.<//>`;
  return html`
    <${Sides} ...${props} there=${there} before=${before} />
  `;
}

/** @param {Cursor & {there: TabRecord<DictionaryData>, before: number}} props `before`: the picture in A */
function Sides({ ctx, series, record, picture, place, held, onPlace, sized, there, before }) {
  const { data } = record;
  const thumbnails = useSheet(record, data.probe?.thumbnails);
  const changes = useMemo(() => changesOf(there.data, data, before, picture), [there.data, data, before, picture]);
  const sheets = [useIcons(there), useIcons(record)];
  const at = place ?? strongestPlace(data, picture);
  const names = [sideName(ctx.compared?.run ?? "", there.step), sideName(ctx.run, record.step)];
  const shown = data.pictures?.[picture];
  const cursor = { data, label: `Where A and B differ in ${series.layer}`, place: at, held, onPlace };
  const common = { there: there.data, here: data, before, picture, at, sheets };
  return html`
    <section class="card dictionary-card dictionary-sides" aria-label=${`${record.layer}: A beside B`}>
      <h3><b class="versus-letter">A</b> ${names[0]} beside <b class="versus-letter">B</b> ${names[1]}</h3>
      <p class="caption">${tell(there.data, data, changes)} ${ctx.compared?.own ? "" : havePairs(there.data, data) && OTHER_CHANNELS}</p>
      <div class="dictionary">
        ${
          changes &&
          html`
            <div class="dictionary-picture">
              ${
                shown?.tokens
                  ? html`<${Tokens} ...${cursor} tokens=${shown.tokens} map=${changes.parts} />`
                  : html`
                      <${Surface} ...${cursor}>
                        <${Shining} sheet=${thumbnails} cell=${shown?.probe ?? 0} map=${changes.parts} data=${data}
                          label="Where other words fire in B than in A" />
                      <//>
                    `
              }
              <p class="caption">The brighter, the more of the words of a position are others.</p>
            </div>
          `
        }
        <${Words} ...${common} />
      </div>
      <${Mosaics} ctx=${ctx} there=${there} here=${record} before=${before} picture=${picture} at=${at} sized=${sized} />
    </section>
  `;
}

/** @param {TabRecord<DictionaryData>} record */
function useIcons(record) {
  const icons = useSheet(record, record.data.icons);
  const crops = useSheet(record, record.data.crops);
  return { icons, crops };
}

/**
 * @param {DictionaryData} there
 * @param {DictionaryData} here
 * @param {import("./dictionary_changes.js").Changes|null} changes
 * @returns {string} how much has changed in this picture, or why that cannot be said
 */
function tell(there, here, changes) {
  if (changes)
    return (
      `At ${whole(changes.others)} of ${plural(changes.parts.length, "position")} the strongest word is another one; ` +
      `of the words of a position ${percent(changes.same)} are the same, on average.`
    );
  if (!havePairs(there, here)) return "Words are groups, which are found anew: those of A and B are not paired here.";
  return `A has ${there.rows} × ${there.columns} positions, B ${here.rows} × ${here.columns}: they are compared by where they lie in the picture.`;
}

/**
 * The words of a position on both sides.
 * @param {{there: DictionaryData, here: DictionaryData, before: number, picture: number, at: Place, sheets: any[]}} props
 */
function Words({ there, here, before, picture, at, sheets }) {
  const places = [positionAt(there, at).index, positionAt(here, at).index];
  const [ones, twos] = [entriesAt(there, there.pictures?.[before], places[0]), entriesAt(here, here.pictures?.[picture], places[1])];
  const alone = (/** @type {import("./dictionary_record.js").Entry} */ entry) => ({ name: entry.word.name, change: null });
  const pairs = havePairs(there, here)
    ? pairWords(ones, twos)
    : [...twos.map((after) => ({ ...alone(after), before: null, after })), ...ones.map((one) => ({ ...alone(one), before: one, after: null }))];
  const [was, is] = [magnitudeAt(there, before, places[0]), magnitudeAt(here, picture, places[1])];
  const { row, column } = positionAt(here, at);
  return html`
    <div class="dictionary-words">
      <table class="dictionary-pairs">
        <caption>position ${row}, ${column}</caption>
        <thead>
          <tr><th scope="col">word</th><th scope="col">A</th><th scope="col">B</th><th scope="col">B − A</th></tr>
        </thead>
        <tbody>
          ${pairs.map((pair) => {
            const side = pair.after ? 1 : 0;
            const entry = pair.after ?? pair.before;
            return html`
              <tr key=${`${side} ${entry?.index}`}>
                <th scope="row">
                  <span class="fire-icon">${entry && html`<${Icon} word=${entry.word} sheets=${sheets[side]} size=${46} />`}</span>
                  <span>${pair.name}</span>
                </th>
                <td>${pair.before ? number(pair.before.value) : "–"}</td>
                <td>${pair.after ? number(pair.after.value) : "–"}</td>
                <td>${signed(pair.change)}</td>
              </tr>
            `;
          })}
          <tr>
            <th scope="row">length of the vector</th>
            <td>${number(was)}</td>
            <td>${number(is)}</td>
            <td>${signed(is - was)}</td>
          </tr>
        </tbody>
      </table>
      <p class="caption">–: not among the ${whole(here.top ?? 1)} strongest of that side, which is not 0.</p>
    </div>
  `;
}

/**
 * What stands for each position on both sides, with the position that is looked at.
 * @param {{ctx: Ctx, there: TabRecord<DictionaryData>, here: TabRecord<DictionaryData>, before: number, picture: number,
 *   at: Place, sized: boolean}} props
 */
function Mosaics({ ctx, there, here, before, picture, at, sized }) {
  const sheets = [useGridSheets(there), useGridSheets(here)];
  const both = [there, here].map((record, side) => ({ record, place: side ? picture : before }));
  if (!both.every(({ record, place }) => hasGrid(record.data, place))) return null;
  return html`
    <div class="dictionary-mosaics">
      <${TwoPictures}
        ctx=${ctx}
        name=${`the picture as ${here.layer} has it`}
        sides=${both.map(({ record, place }, side) => {
          const { rows = 1, columns = 1 } = record.data;
          const { row, column } = positionAt(record.data, at);
          const part = (/** @type {number} */ index, /** @type {number} */ count) => `${(100 * index) / count}%`;
          return {
            picture: html`
              <span class="dictionary-mosaic">
                <${Mosaic} data=${record.data} picture=${place} sheets=${sheets[side]} sized=${sized} layer=${`${record.layer}, ${"AB"[side]}`} />
                <i
                  class="surface-cursor"
                  style=${{ left: part(column, columns), top: part(row, rows), width: part(1, columns), height: part(1, rows) }}
                />
              </span>
            `,
            place: tellPlace(side ? ctx.run : (ctx.compared?.run ?? ""), record.layer, record.step),
          };
        })}
      />
      <p class="caption">What stands for each position; where cells have sizes, each side has its own longest vector.</p>
    </div>
  `;
}
