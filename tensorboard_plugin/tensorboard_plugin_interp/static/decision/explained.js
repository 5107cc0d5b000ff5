/**
 * A few decisions in words, wrong ones first; each opens in the view "Decision".
 *
 * @import { Ctx, ShownSeries } from "../model.js"
 * @import { DecisionData } from "../records.js"
 */
import { html } from "../vendor/preact-htm.js";
import { Cell } from "../drawing/canvas.js";
import { namePicture } from "../format.js";
import { isRight } from "../drawing/parts.js";
import { stepAt, useRecord, useSheet } from "../model.js";

const MOST = 3;

/** @param {{ctx: Ctx, series: ShownSeries}} props */
export function Explained({ ctx, series }) {
  const { record } = useRecord(ctx.store, ctx.run, series.tag, stepAt(series.steps, ctx.step));
  const data = /** @type {DecisionData|undefined} */ (record?.data);
  const thumbnails = useSheet(record, data?.probe?.thumbnails);
  const rows = (data?.pictures ?? []).map((_, row) => row);
  const wrong = (/** @type {number} */ row) => Number(isRight(data?.probe, row) === false);
  rows.sort((a, b) => wrong(b) - wrong(a) || a - b);
  return html`
    <ul class="explained whole">
      ${rows.slice(0, MOST).map(
        (row) => html`
          <li key=${row}>
            <button
              onClick=${() => ctx.choose({ section: "decisions", picture: String(row), item: "" })}
              aria-label=${`Explain ${data ? namePicture(data, row) : ""}`}
            >
              <span class="explained-picture"><${Cell} sheet=${thumbnails} index=${row} size=${48} label="" /></span>
              <span>${wrong(row) ? "✗ wrongly " : ""}${data?.pictures?.[row].sentence}</span>
            </button>
          </li>
        `,
      )}
    </ul>
  `;
}
