/**
 * Where the decision comes from, layer by layer, and which positions made which: spatial attribution of the article.
 *
 * @import { DecisionData, TabRecord } from "../records.js"
 * @import { Asked } from "./numbers/decision_numbers.js"
 */
import { html, useState } from "../vendor/preact-htm.js";
import { ContrastMap } from "../drawing/canvas.js";
import { number, percent, plural, signed } from "../format.js";
import { useSheet } from "../model.js";
import { Message } from "../drawing/parts.js";
import { TokenRow, readTokens } from "../drawing/token_row.js";
import { chooseDetails, marginOf } from "./numbers/decision_numbers.js";

const SIDE = 190;
const LEAD =
  "Gradient times activation, summed over channels. Point at a region: how much of what is there came from the regions " +
  "before (to the left), and what it went into (to the right).";

/** @param {{record: TabRecord<DecisionData>, row: number, asked: Asked, title: string}} props */
export function PositionsRow({ record, row, asked, title }) {
  const [at, setAt] = useState(/** @type {{layer: number, region: number}|null} */ (null));
  const { details, pictures = [] } = record.data;
  if (!details?.layers.length) return null;
  const columns = chooseDetails(pictures[row], asked);
  return html`
    <section class="card positions" aria-label="By position">
      <h3>Where ${title} comes from, layer by layer</h3>
      ${
        columns === null
          ? html`
              <${Message}>Maps were recorded for the highest classes and the true one only: choose one of these.<//>
            `
          : html`
              <p class="caption">${LEAD}</p>
              ${
                details.evidence &&
                html`
                  <p class="evidence"><b>Is it true?</b> ${details.evidence.sentence} (${plural(pictures.length, "picture")} together).</p>
                `
              }
              <ul class="positions-row">
                ${details.layers.map(
                  (layer, order) => html`
                    <li key=${layer.layer} class=${record.data.tokens ? "wide" : ""}>
                      <span class="caption" title=${layer.layer}>${layer.layer}</span>
                      <${Place}
                        record=${record}
                        layer=${layer}
                        order=${order}
                        row=${row}
                        count=${pictures[row].detailed?.length ?? 0}
                        columns=${columns}
                        at=${at}
                        onAt=${setAt}
                      />
                      ${
                        layer.class_token &&
                        html`
                          <span class="caption">and its class token ${signed(marginOf(layer.class_token[row], columns))}</span>
                        `
                      }
                    </li>
                  `,
                )}
              </ul>
            `
      }
    </section>
  `;
}

/**
 * @param {{record: TabRecord<DecisionData>, layer: import("../records.js").DetailLayer, order: number, row: number,
 *   count: number, columns: [number, number], at: {layer: number, region: number}|null,
 *   onAt: (at: {layer: number, region: number}|null) => void}} props
 */
function Place({ record, layer, order, row, count, columns, at, onAt }) {
  const large = useSheet(record, record.data.large);
  const maps = useSheet(record, layer.positions);
  const [first, second] = columns.map((column) => (column < 0 ? -1 : row * count + column));
  const flows = record.data.details?.flows ?? [];
  const [rows, across] = flows[order - 1]?.sides[1] ?? flows[order]?.sides[0] ?? [1, 1];
  const shares = sharesAt(flows, row, order, at);
  const most = Math.max(...shares.map(Math.abs), 1e-9);
  const tokens = record.data.tokens?.[row];
  const levels = tokens ? readTokens(maps, first, second, true) : null;
  if (tokens && levels?.length === tokens.length)
    return html`
      <${TokenRow} tokens=${tokens} levels=${levels} tip=${(/** @type {number} */ token) => number(levels[token])}
        aria-label=${`What ${layer.layer} puts into the decision, by token`} />
    `;
  return html`
    <div class="place" onPointerLeave=${() => onAt(null)}>
      <${ContrastMap}
        picture=${large}
        index=${row}
        maps=${maps}
        first=${first}
        second=${second}
        size=${SIDE}
        label=${`What ${layer.layer} puts into the decision, by position`}
      />
      <div class="place-grid" style=${{ gridTemplate: `repeat(${rows}, 1fr) / repeat(${across}, 1fr)` }}>
        ${Array.from({ length: rows * across }, (_, region) => {
          const here = at?.layer === order && at.region === region;
          const share = shares[region];
          const tint =
            at && share !== undefined && !here
              ? `color-mix(in srgb, ${share >= 0 ? "#ffffff" : "#000000"} ${Math.round((75 * Math.abs(share)) / most)}%, transparent)`
              : "transparent";
          return html`
            <button
              key=${region}
              class="place-cell ${here ? "at" : ""}"
              style=${{ background: tint }}
              aria-label=${`Region ${region + 1} of ${layer.layer}`}
              title=${share === undefined || here ? "" : percent(share)}
              onPointerEnter=${() => onAt({ layer: order, region })}
              onFocus=${() => onAt({ layer: order, region })}
              onBlur=${() => onAt(null)}
            >
              ${
                at && !here && share !== undefined && Math.abs(share) >= 0.05
                  ? html`
                      <span>${percent(share)}</span>
                    `
                  : ""
              }
            </button>
          `;
        })}
      </div>
    </div>
  `;
}

/**
 * @param {(import("../records.js").Flow|null)[]} flows between neighbors, null where none was recorded
 * @param {number} row of the picture
 * @param {number} number of the layer that is drawn
 * @param {{layer: number, region: number}|null} at what is pointed at
 * @returns {number[]} for each region of the layer: before what is pointed at, how much of that came from it; behind it,
 *   how much of the region came from what is pointed at; empty for the layer itself
 */
function sharesAt(flows, row, number, at) {
  if (!at || at.layer === number) return [];
  const between = flows.slice(Math.min(number, at.layer), Math.max(number, at.layer));
  const known = between.flatMap((flow) => (flow ? [flow.pictures[row]] : []));
  if (known.length < between.length) return [];
  if (number < at.layer) {
    let shares = known[known.length - 1][at.region];
    for (const before of known.slice(0, -1).reverse())
      shares = before[0].map((_, source) => shares.reduce((sum, share, target) => sum + share * before[target][source], 0));
    return shares;
  }
  let shares = known[0].map((sources) => sources[at.region]);
  for (const next of known.slice(1))
    shares = next.map((sources) => sources.reduce((sum, share, source) => sum + share * shares[source], 0));
  return shares;
}
