/** A direction of a layer, be it a unit or a group of neurons: what it looks for, its name, and how strong it is. */
import { html } from "../vendor/preact-htm.js";
import { Cell } from "./canvas.js";
import { Meter } from "./parts.js";

/**
 * How it is laid out depends on where it stands; see `.direction` in style.css.
 * @param {{name: string, sheet: import("../model.js").LoadedSheet|undefined, picture: number|null|undefined,
 *   size: number, color?: string, titled?: boolean, children?: any,
 *   strength?: {value: number, most: number, mark?: number, text: string, label: string}|false}} props
 *   without `titled` its name stands elsewhere. `picture` is a cell of the sheet; none is drawn where there is no number. `strength` is a bar of 0..`most`
 */
export function Direction({ name, sheet, picture, size, color, titled = true, strength, children }) {
  return html`
    <span class="direction">
      ${
        picture !== null &&
        picture !== undefined &&
        html`
          <span class="direction-picture">
            <${Cell} sheet=${sheet} index=${picture} size=${size} label=${`What ${name} looks for`} />
          </span>
        `
      }
      <span class="direction-main">
        ${
          titled &&
          html`
            <span class="direction-name"><${Swatch} color=${color} />${name}</span>
          `
        }
        ${
          strength &&
          html`
            <b class="direction-strength">${strength.text}</b>
            <${Meter} ...${strength} color=${color} />
          `
        }
        ${children}
      </span>
    </span>
  `;
}

/**
 * What a sheet shows, where its cells are no ordinary pictures: "red = band 9, cyan = band 2".
 * @param {{sheet: import("../records.js").Sheet|null|undefined, of?: string, index?: number}} props `index` is a cell;
 *   without it only what holds for all cells is said
 */
export function Legend({ sheet, of = "", index }) {
  const { legend } = sheet ?? {};
  const text = Array.isArray(legend) ? legend[index ?? -1] : legend;
  return (
    text &&
    html`
      <span class="shows">${of}${text}</span>
    `
  );
}

/** @param {{color: string|undefined}} props the color that stands for a direction, if it has one */
export function Swatch({ color }) {
  return (
    color &&
    html`
      <i class="swatch" style=${{ background: color }} />
    `
  );
}
