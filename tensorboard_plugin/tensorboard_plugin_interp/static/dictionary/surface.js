/**
 * A picture, or a row of tokens, with a cursor over the positions of a layer, for pointer and keyboard.
 *
 * @import { DictionaryData } from "../records.js"
 * @import { Place } from "./dictionary_record.js"
 */
import { html } from "../vendor/preact-htm.js";
import { TokenRow } from "../drawing/token_row.js";
import { placeOf, positionAt } from "./dictionary_record.js";

export const SHINE = "30,205,160"; // where a word fires; not a color of groups or signs

/** @type {Record<string, [number, number]>} rows and columns that a key moves by */
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/**
 * A click holds the cursor where it is, another one at the same place lets it go.
 * @param {{data: DictionaryData, label: string, place: Place, held: boolean,
 *   onPlace: (place: Place, held: boolean) => void, children?: any}} props
 */
export function Surface({ data, label, place, held, onPlace, children }) {
  const { rows = 1, columns = 1 } = data;
  const { row, column, index } = positionAt(data, place);
  const find = (/** @type {any} */ event) => {
    const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
    return { x: (event.clientX - left) / width, y: (event.clientY - top) / height };
  };
  const press = (/** @type {KeyboardEvent} */ event) => steer(event, data, place, held, onPlace);
  return html`
    <div
      class="surface"
      tabindex="0"
      role="application"
      aria-label=${`${label}: position ${row}, ${column} of ${rows} by ${columns}. Arrow keys move, Enter holds.`}
      onPointerMove=${(/** @type {any} */ event) => held || onPlace(find(event), false)}
      onPointerDown=${(/** @type {any} */ event) => {
        const there = find(event);
        onPlace(there, !(held && positionAt(data, there).index === index));
      }}
      onKeyDown=${press}
    >
      ${children}
      <i
        class="surface-cursor ${held ? "held" : ""}"
        style=${{
          left: `${(100 * column) / columns}%`,
          top: `${(100 * row) / rows}%`,
          width: `${100 / columns}%`,
          height: `${100 / rows}%`,
        }}
      />
    </div>
  `;
}

/**
 * Move the cursor by keys, or hold it.
 * @param {KeyboardEvent} event
 * @param {DictionaryData} data
 * @param {Place} place
 * @param {boolean} held
 * @param {(place: Place, held: boolean) => void} onPlace
 */
function steer(event, data, place, held, onPlace) {
  const { rows = 1, columns = 1 } = data;
  const { row, column } = positionAt(data, place);
  const move = MOVES[event.key];
  if (event.key === "Escape" && held) onPlace(place, false);
  else if (event.key === "Enter" || event.key === " ") onPlace(place, !held);
  else if (move) {
    const [down, right] = move;
    const inside = (/** @type {number} */ value, /** @type {number} */ count) => Math.min(Math.max(value, 0), count - 1);
    onPlace(placeOf(data, inside(row + down, rows), inside(column + right, columns)), true);
  } else return;
  event.preventDefault();
  event.stopPropagation(); // the arrows are for the steps of training elsewhere
}

/**
 * Tokens in place of a picture, colored where a word fires.
 * @param {{data: DictionaryData, label: string, place: Place, held: boolean, tokens: number[], map: number[]|null,
 *   onPlace: (place: Place, held: boolean) => void}} props
 */
export function Tokens({ data, label, place, held, tokens, map, onPlace }) {
  const { index } = positionAt(data, place);
  const at = (/** @type {number} */ position) => placeOf(data, 0, position);
  return html`
    <${TokenRow}
      tokens=${tokens}
      levels=${map}
      color=${`rgb(${SHINE})`}
      tip=${(/** @type {number} */ position) => `token ${tokens[position]} at position ${position}`}
      at=${index}
      held=${held}
      onPoint=${(/** @type {number} */ position) => held || onPlace(at(position), false)}
      onPress=${(/** @type {number} */ position) => onPlace(at(position), !(held && position === index))}
      tabindex="0"
      role="application"
      aria-label=${`${label}: position ${index} of ${tokens.length}. Arrow keys move, Enter holds.`}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => steer(event, data, place, held, onPlace)}
    />
  `;
}
