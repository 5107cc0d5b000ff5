/**
 * Tokens in their order, colored by numbers, with a cursor.
 *
 * @import { LoadedSheet } from "../model.js"
 */
import { html } from "../vendor/preact-htm.js";
import { coordinate } from "../format.js";
import { isThere, readCell } from "./canvas.js";

/**
 * @param {LoadedSheet|undefined} sheet
 * @param {number} first cell of signed maps, or of a node
 * @param {number} second cell that is taken off, -1 for none
 * @param {boolean} signed whether 127.5 stands for 0
 * @returns {number[]|null} a number a position, -1..1; null where that is not there, or more than one row
 */
export function readTokens(sheet, first, second, signed) {
  if (!isThere(sheet) || first >= sheet.count || second >= sheet.count) return null;
  const one = readCell(sheet, first);
  if (one.height !== 1) return null;
  const other = second < 0 ? null : readCell(sheet, second);
  return Array.from(one.values, (value, place) => {
    if (!signed) return value / 255;
    return (value - (other ? other.values[place] : 127.5)) / 127.5;
  });
}

/**
 * @param {{tokens: (number|string)[], levels: number[]|null, color?: string, tip: (place: number) => string,
 *   at?: number|null, held?: boolean, onPoint?: (place: number) => void, onPress?: (place: number) => void,
 *   [attribute: string]: any}} props without a `color` blue is for, orange against; further ones are of the row
 */
export function TokenRow({ tokens, levels, color, tip, at, held, onPoint, onPress, ...row }) {
  const most = Math.max(...(levels ?? []).map(Math.abs), 1e-9);
  const tint = (/** @type {number} */ place) => {
    const level = levels?.[place] ?? 0;
    const share = coordinate((45 * Math.abs(level)) / most);
    return `color-mix(in srgb, ${color ?? (level >= 0 ? "var(--plus)" : "var(--minus)")} ${share}%, var(--sunken))`;
  };
  return html`
    <div class="tokens" role="group" ...${row}>
      ${tokens.map(
        (token, place) => html`
          <span
            key=${place}
            class="token ${at === place ? (held ? "at held" : "at") : ""}"
            style=${{ background: tint(place) }}
            title=${tip(place)}
            onPointerEnter=${() => onPoint?.(place)}
            onPointerDown=${() => onPress?.(place)}
          >
            ${token}
          </span>
        `,
      )}
    </div>
  `;
}
