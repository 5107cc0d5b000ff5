/**
 * Two pictures of one thing, A and B: beside each other, in one place where a key lets them take turns, or one wiped over
 * the other. How they stand is one choice for all of them, and in the address; nothing moves by itself.
 *
 * @import { Ctx } from "../model.js"
 * @import { TabRecord } from "../records.js"
 *
 * @typedef {object} Shown one of the two
 * @property {any} picture as large as there is room
 * @property {string} place what a saved picture is called after
 * @property {string} [status] what must be known of it; it is dimmed then
 */
import { html, useLayoutEffect, useState } from "../vendor/preact-htm.js";
import { isTaken } from "../choosing/keys.js";
import { sideName } from "./compared.js";

const MIDDLE = 50;
/** @type {[string, string][]} how the two may stand, "" beside each other */
const LOOKS = [
  ["", "Side by side"],
  ["blink", "In one place"],
  ["wipe", "Wipe"],
];

/** @param {Ctx} ctx @returns {string} one of `LOOKS` */
export const lookOf = ({ choice }) => (LOOKS.some(([look]) => look === choice.look) ? choice.look : "");

/** @param {{ctx: Ctx, name: string, sides: Shown[], beside?: any}} props `beside`: the two side by side, else drawn here */
export function TwoPictures({ ctx, name, sides, beside }) {
  const [side, setSide] = useState(1);
  const look = lookOf(ctx);
  const turn = () => setSide((now) => 1 - now);
  useLayoutEffect(() => {
    if (look !== "blink") return undefined;
    const listen = (/** @type {KeyboardEvent} */ event) => {
      if (event.key.toLowerCase() !== "b" || isTaken(event)) return;
      event.preventDefault();
      event.stopPropagation(); // the two of the whole tab stay as they are
      turn();
    };
    document.addEventListener("keydown", listen, true);
    return () => document.removeEventListener("keydown", listen, true);
  }, [look]);
  return html`
    ${look === "" && (beside ?? html`<div class="versus-pair">${[0, 1].map((which) => html`<${One} key=${which} sides=${sides} side=${which} />`)}</div>`)}
    ${look === "blink" && html`<${One} sides=${sides} side=${side} alone />`}
    ${look === "wipe" && html`<${Wipe} ctx=${ctx} name=${name} sides=${sides} />`}
    <p class="versus-tools">
      <span class="switch" role="group" aria-label=${`How A and B of ${name} stand`}>
        ${LOOKS.map(
          ([key, text]) => html`
            <button key=${key} aria-pressed=${look === key} onClick=${() => ctx.choose({ look: key, wipe: "" })}>${text}</button>
          `,
        )}
      </span>
      ${look === "blink" && html`<button class="button" onClick=${turn} title="Blink (B)">Blink: show ${"BA"[side]}</button>`}
    </p>
  `;
}

/** @param {{ctx: Ctx, record: TabRecord<any>}} props where only B is told of: what follows has no letters of its own */
export function BelowB({ ctx, record }) {
  if (!ctx.compared) return null;
  return html`
    <p class="versus-words"><b class="versus-letter">B</b> <span>Below: ${sideName(ctx.run, record.step)}.</span></p>
  `;
}

/** @param {{sides: Shown[], side: number, alone?: boolean}} props one of the two with its letter */
function One({ sides, side, alone = false }) {
  const { picture, place, status } = sides[side];
  return html`
    <span class=${`${alone ? "versus-stacked" : ""} ${status ? "dim" : ""}`} data-of=${place}>
      <b class="versus-letter">${"AB"[side]}</b>
      ${picture}
    </span>
    ${alone && status && html`<p class="unit-status">${"AB"[side]} ${status}</p>`}
  `;
}

/**
 * A left and B right of an edge that a pointer, a finger or the arrow keys move.
 * @param {{ctx: Ctx, name: string, sides: Shown[]}} props
 */
function Wipe({ ctx, name, sides }) {
  const chosen = /^(\d|[1-9]\d|100)$/.test(ctx.choice.wipe) ? Number(ctx.choice.wipe) : MIDDLE;
  const [moved, setMoved] = useState(/** @type {number|null} */ (null)); // while it is held: the address is written once it rests
  const at = moved ?? chosen;
  const [a, b] = sides;
  const read = (/** @type {any} */ event) => Number(event.target.value);
  return html`
    <div class="versus-wipe" style=${{ "--at": `${at}%` }}>
      <span class=${a.status ? "dim" : ""} data-of=${a.place}>${a.picture}</span>
      <span class=${`versus-over ${b.status ? "dim" : ""}`} data-of=${b.place}>${b.picture}</span>
      <b class="versus-letter">A</b>
      <b class="versus-letter">B</b>
      <i class="versus-edge" />
      <input
        type="range"
        min="0"
        max="100"
        step="1"
        value=${at}
        aria-label=${`Wipe from A to B: ${name}`}
        aria-valuetext=${`A left of ${at} %, B right of it`}
        title="Drag, or move with the arrow keys"
        onInput=${(/** @type {any} */ event) => setMoved(read(event))}
        onChange=${(/** @type {any} */ event) => {
          ctx.choose({ wipe: read(event) === MIDDLE ? "" : String(read(event)) }, false);
          setMoved(null);
        }}
      />
    </div>
    ${sides.map(({ status }, side) => status && html`<p class="unit-status" key=${side}>${"AB"[side]} ${status}</p>`)}
  `;
}
