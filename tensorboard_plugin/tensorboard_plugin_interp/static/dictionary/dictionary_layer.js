/**
 * A picture, and what fires at the position that is pointed at: a semantic dictionary of one layer.
 *
 * @import { LoadedSheet, ShownSeries } from "../model.js"
 * @import { DictionaryData, TabRecord, Word } from "../records.js"
 * @import { Entry, Place } from "./dictionary_record.js"
 */
import { html, useState } from "../vendor/preact-htm.js";
import { Canvas, Cell, drawCell, drawFaded, isLoading, isThere, ratioOf } from "../drawing/canvas.js";
import { Term } from "../drawing/parts.js";
import { coordinate, number, plural, together, whole } from "../format.js";
import { useSheet } from "../model.js";
import { entriesAt, magnitudeAt, mapOf, positionAt, strongestPlace } from "./dictionary_record.js";
import { SHINE, Surface, Tokens } from "./surface.js";

const SIDE = 300; // of the picture
const FREQUENT = 24; // words below the bars
const FROM_ZERO = "Row and column of the layer, from 0, as in semantic_dictionary(…).at(picture, y, x).";
const LENGTH = "Length of the activation vector: how much the layer has to say here at all.";

/**
 * @param {{series: ShownSeries, record: TabRecord<DictionaryData>, picture: number, place: Place|null, held: boolean,
 *   onPlace: (place: Place, held: boolean) => void}} props without a `place` it is where most fires
 */
export function DictionaryLayer({ series, record, picture, place, held, onPlace }) {
  const [pointed, setPointed] = useState(/** @type {number|null} */ (null));
  const { data } = record;
  const thumbnails = useSheet(record, data.probe?.thumbnails);
  const icons = useSheet(record, data.icons);
  const crops = useSheet(record, data.crops);
  const there = place ?? strongestPlace(data, picture);
  const { index, row, column } = positionAt(data, there);
  const shown = data.pictures?.[picture];
  const entries = entriesAt(data, shown, index);
  const sheets = { icons, crops };
  const map = pointed === null ? null : mapOf(data, picture, pointed);
  const cursor = {
    data,
    label: `Positions of ${series.layer} in picture ${picture + 1}`,
    place: there,
    held,
    onPlace,
  };
  const words = data.words ?? [];
  return html`
    <div class="dictionary ${data.icons || data.crops ? "" : "bare"}">
      <div class="dictionary-picture">
        ${
          shown?.tokens
            ? html`
                <${Tokens} ...${cursor} tokens=${shown.tokens} map=${map} />
              `
            : html`
                <${Surface} ...${cursor}>
                  <${Shining}
                    sheet=${thumbnails}
                    cell=${shown?.probe ?? 0}
                    map=${map}
                    data=${data}
                    label=${pointed === null ? "The picture" : `Where ${words[pointed]?.name} fires`}
                  />
                <//>
              `
        }
      <p class="caption">${pointed === null ? "Point at a word to see where it fires." : locate(data, picture, pointed)}</p>
      </div>
      <div class="dictionary-words" aria-live="polite">
        <p class="dictionary-at">
          <span><${Term} tip=${FROM_ZERO}>position<//> ${row}, ${column}${held ? ", held" : ""}</span>
          <span class="quiet">
            <${Term} tip=${LENGTH}>length<//> ${number(magnitudeAt(data, picture, index))}
          </span>
        </p>
        <${Entries} entries=${entries} sheets=${sheets} pointed=${pointed} onPoint=${setPointed} most=${data.top ?? 1} />
        ${
          shown?.class_token &&
          html`
            <h3>Class token</h3>
            <${Entries} entries=${entriesAt(data, shown.class_token, 0)} sheets=${sheets} pointed=${pointed}
              onPoint=${setPointed} most=${0} />
          `
        }
        <${Vocabulary} data=${data} here=${entries} sheets=${sheets} pointed=${pointed} onPoint=${setPointed} />
      </div>
    </div>
  `;
}

/**
 * The picture; while a word is pointed at, where it fires.
 * @param {{sheet: LoadedSheet|undefined, cell: number, map: number[]|null, data: DictionaryData, label: string}} props
 */
export function Shining({ sheet, cell, map, data, label }) {
  const { rows = 1, columns = 1 } = data;
  const draw = isThere(sheet)
    ? (/** @type {CanvasRenderingContext2D} */ context) => {
        if (!map) return drawCell(context, sheet, cell);
        drawFaded(context, sheet, cell, 0.4);
        const most = Math.max(...map, 1e-9);
        const [width, height] = [context.canvas.width / columns, context.canvas.height / rows];
        map.forEach((part, index) => {
          if (!part) return;
          context.fillStyle = `rgba(${SHINE},${0.25 + (0.65 * part) / most})`;
          context.fillRect((index % columns) * width, Math.floor(index / columns) * height, width, height);
        });
      }
    : null;
  return html`
    <${Canvas}
      size=${SIDE}
      ratio=${ratioOf(sheet, cell)}
      label=${label}
      draw=${draw}
      depends=${[sheet?.image, cell, map?.join(), Boolean(draw)]}
      loading=${isLoading(sheet)}
    />
  `;
}

/**
 * @param {{entries: Entry[], sheets: {icons: LoadedSheet|undefined, crops: LoadedSheet|undefined}, most: number,
 *   pointed: number|null, onPoint: (word: number|null) => void}} props `most` keeps room for as many
 */
function Entries({ entries, sheets, pointed, onPoint, most }) {
  const values = together(entries.map((entry) => entry.value));
  return html`
    <ul class="fires" style=${{ "--room": most }}>
      ${entries.map(
        ({ word, index, part }, rank) => html`
          <li key=${index}>
            <button class="fire ${pointed === index ? "pointed" : ""}" ...${pointing(index, onPoint)} title=${describe(word)}>
              <span class="fire-icon"><${Icon} word=${word} sheets=${sheets} size=${46} /></span>
              <span class="fire-name">${word.name}</span>
              <b>${values[rank]}</b>
              <span class="fire-bar"><i style=${{ width: `${coordinate(100 * part)}%` }} /></span>
            </button>
          </li>
        `,
      )}
      ${
        entries.length === 0 &&
        html`
          <li class="quiet">Nothing fires here.</li>
        `
      }
    </ul>
  `;
}

/**
 * @param {number} index of a word
 * @param {(word: number|null) => void} onPoint
 */
const pointing = (index, onPoint) => ({
  onPointerEnter: () => onPoint(index),
  onPointerLeave: () => onPoint(null),
  onFocus: () => onPoint(index),
  onBlur: () => onPoint(null),
});

/** @param {DictionaryData} data @param {number} picture @param {number} word @returns {string} where it fires, in words */
function locate(data, picture, word) {
  const count = mapOf(data, picture, word).filter(Boolean).length;
  return `${data.words?.[word]?.name}: one of the ${data.top} strongest at ${plural(count, "position")} of this picture`;
}

/** @param {Word} word @returns {string} */
const describe = (word) => `${word.name}, among the strongest at ${plural(word.count, "position")} of these pictures`;

/**
 * @param {{word: Word, sheets: {icons: LoadedSheet|undefined, crops: LoadedSheet|undefined}, size: number}} props what a
 *   word looks for: drawn, or the part of a picture where it fires most
 */
export function Icon({ word, sheets, size }) {
  const drawn = word.icon !== null && word.icon !== undefined;
  const cell = drawn ? word.icon : word.crop;
  if (cell === null || cell === undefined)
    return html`
      <span class="fire-none" aria-hidden="true" />
    `;
  const label = drawn ? `What ${word.name} looks for` : `Where ${word.name} fires most in the probe`;
  return html`
    <${Cell} sheet=${drawn ? sheets.icons : sheets.crops} index=${cell} size=${size} label=${label} />
  `;
}

/**
 * The words of the layer, the most frequent first: each with its one icon.
 * @param {{data: DictionaryData, here: Entry[], sheets: {icons: LoadedSheet|undefined, crops: LoadedSheet|undefined},
 *   pointed: number|null, onPoint: (word: number|null) => void}} props
 */
function Vocabulary({ data, here, sheets, pointed, onPoint }) {
  const words = data.words ?? [];
  const shown = words.slice(0, FREQUENT).map((word, index) => ({ word, index }));
  const bare = !data.icons && !data.crops; // then their names stand for them
  const iconed = bare ? shown : shown.filter(({ word }) => (word.icon ?? word.crop ?? null) !== null);
  if (!words.length) return null;
  return html`
    <h3>
      ${whole(words.length)} of ${plural(data.channels ?? words.length, words[0].channel === null ? "group" : "channel")}${" "}
      <span class="quiet">occur; ${iconed.length < words.length ? `the ${iconed.length} most frequent:` : "the most frequent first:"}</span>
    </h3>
    <ul class="vocabulary ${bare ? "bare" : ""}">
      ${iconed.map(
        ({ word, index }) => html`
          <li key=${index}>
            <button
              class="word ${pointed === index ? "pointed" : ""} ${here.some((entry) => entry.index === index) ? "at" : ""}"
              ...${pointing(index, onPoint)}
              title=${describe(word)}
              aria-label=${describe(word)}
            >
              ${
                bare
                  ? word.name
                  : html`
                      <${Icon} word=${word} sheets=${sheets} size=${30} />
                    `
              }
            </button>
          </li>
        `,
      )}
    </ul>
  `;
}
