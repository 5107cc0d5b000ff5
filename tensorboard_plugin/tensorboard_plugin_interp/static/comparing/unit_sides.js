/**
 * One unit on both sides: its pictures beside each other, what they reach, and by how much that differs.
 *
 * @import { Ctx, LoadedSheet } from "../model.js"
 * @import { FeaturesData, TabRecord } from "../records.js"
 * @import { Other } from "./compared.js"
 * @import { UnitPair } from "./what_changed.js"
 */
import { html } from "../vendor/preact-htm.js";
import { arrangeUnits } from "../arranging/unit_order.js";
import { Cell } from "../drawing/canvas.js";
import { Message } from "../drawing/parts.js";
import { number, plural, signed } from "../format.js";
import { useSheet } from "../model.js";
import { tellPlace } from "../saving/save_menu.js";
import { OTHER_CHANNELS, likeOf, tellSame, useOther } from "./compared.js";
import { TwoPictures, lookOf } from "./two_pictures.js";
import { isDrawn, pairUnits } from "./what_changed.js";

/**
 * @param {Ctx} ctx
 * @param {TabRecord<FeaturesData>} record that is shown
 * @returns {{other: Other, pairs: UnitPair[], sheets: (LoadedSheet|undefined)[], places: string[]}} the sheets of A and B,
 *   and what saved pictures of each are called after
 */
export function useUnitPairs(ctx, record) {
  const other = useOther(ctx, record, likeOf(ctx, record));
  const before = useSheet(other.record ?? undefined, other.record?.data.pictures);
  const after = useSheet(record, record.data.pictures);
  const pairs = other.record ? pairUnits(other.record.data.units ?? [], record.data.units ?? []) : [];
  const places = [
    tellPlace(ctx.compared?.run ?? "", record.layer, other.record?.step ?? null),
    tellPlace(ctx.run, record.layer, record.step),
  ];
  return { other, pairs, sheets: [before, after], places };
}

/** @param {UnitPair} pair @returns {string} both numbers and their difference */
export const sayChange = ({ before, after, change }) =>
  `A ${number(before?.activation)}, B ${number(after?.activation)}, difference ${signed(change)}`;

/** @param {{pair: UnitPair, sheets: (LoadedSheet|undefined)[], places: string[], size: number}} props for a card */
export function UnitSides({ pair, sheets, places, size }) {
  return html`
    <span class="versus-pair">
      ${[pair.before, pair.after].map(
        (unit, side) => html`
          <span key=${side} class=${unit && !isDrawn(unit) ? "dim" : ""} data-of=${places[side]}>
            <b class="versus-letter">${"AB"[side]}</b>
            ${
              unit
                ? html`
                    <${Cell} sheet=${sheets[side]} index=${unit.picture ?? -1} size=${size} label=${`What ${pair.name} looks for, ${"AB"[side]}`} />
                    ${!isDrawn(unit) && html`<span class="unit-status">${unit.status}</span>`}
                    ${unit.caution && html`<span class="unit-caution">${unit.caution}</span>`}
                  `
                : html`
                    <span class="versus-lacks">no picture in ${"AB"[side]}</span>
                  `
            }
          </span>
        `,
      )}
    </span>
    <span class="versus-change">${sayChange(pair)}</span>
  `;
}

/**
 * @param {{ctx: Ctx, record: TabRecord<FeaturesData>, other: Other, pairs: UnitPair[], sheets: (LoadedSheet|undefined)[],
 *   places: string[]}} props what must be said of all units of a layer that are wanted, and those that only A has
 */
export function UnitsTold({ ctx, record, other, pairs, sheets, places }) {
  const { unit_state: state, unit_text: text } = ctx.choice;
  const wanted = (/** @type {"before"|"after"} */ side, /** @type {"before"|"after"} */ lacking) => {
    const alone = pairs.filter((pair) => pair[side] && !pair[lacking]);
    const kept = new Set(arrangeUnits(alone.flatMap((pair) => pair[side] ?? []), { state, text }));
    return alone.filter((pair) => pair[side] && kept.has(pair[side]));
  };
  const [gone, fresh] = [wanted("before", "after"), wanted("after", "before")];
  if (other.state === "none") return null;
  if (other.state === "error") return html`<${Message} kind="error">${other.error}<//>`;
  if (other.state === "same") return record.step === ctx.step ? null : html`<${Message}>${tellSame(record.step)}<//>`;
  if (other.state === "lacks") return html`<${Message}>A has no pictures of units of ${record.layer}.<//>`;
  if (other.state === "waiting") return html`<${Message}>Loading what it is compared with …<//>`;
  return html`
    <p class="caption versus-told">
      ${[
        "Left A, right B: drawn pictures on both sides, also where a probe picture excites the unit more; numbers are what they reach.",
        ctx.compared?.own ? "" : OTHER_CHANNELS,
        fresh.length > 0 && `${plural(fresh.length, "unit")} of B ${fresh.length === 1 ? "has" : "have"} no picture in A.`,
        gone.length > 0 && `${plural(gone.length, "unit")} of A ${gone.length === 1 ? "has" : "have"} no picture in B:`,
      ]
        .filter(Boolean)
        .join(" ")}
    </p>
    ${
      gone.length > 0 &&
      html`
        <ul class="versus-gone">
          ${gone.map(
            (pair) => html`
              <li key=${pair.name} data-of=${places[0]}>
                <${Cell} sheet=${sheets[0]} index=${pair.before?.picture ?? -1} size=${64} label=${`What ${pair.name} looks for, A`} />
                <span>${pair.name}</span>
              </li>
            `,
          )}
        </ul>
      `
    }
  `;
}

/** @param {{ctx: Ctx, pair: UnitPair, sheets: (LoadedSheet|undefined)[], places: string[]}} props in the side panel */
export function UnitLarge({ ctx, pair, sheets, places }) {
  const beside = html`<div class="versus-large"><${UnitSides} pair=${pair} sheets=${sheets} places=${places} size=${180} /></div>`;
  if (!pair.before || !pair.after) return beside;
  const sides = [pair.before, pair.after].map((unit, side) => ({
    picture: html`<${Cell} sheet=${sheets[side]} index=${unit.picture ?? -1} size=${368} label=${`What ${pair.name} looks for, ${"AB"[side]}`} />`,
    place: places[side],
    status: isDrawn(unit) ? "" : unit.status,
  }));
  return html`
    <${TwoPictures} ctx=${ctx} name=${pair.name} sides=${sides} beside=${beside} />
    ${lookOf(ctx) && html`<p class="versus-change">${sayChange(pair)}</p>`}
  `;
}
