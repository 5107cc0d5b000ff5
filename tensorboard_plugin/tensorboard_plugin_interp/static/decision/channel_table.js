/**
 * What single channels put into two classes: the table of the article.
 *
 * @import { DecisionData, TabRecord } from "../records.js"
 * @import { Asked } from "./numbers/decision_numbers.js"
 */
import { html } from "../vendor/preact-htm.js";
import { Cell } from "../drawing/canvas.js";
import { signed } from "../format.js";
import { SignedBar } from "../drawing/parts.js";
import { useSheet } from "../model.js";
import { chooseDetails, marginOf } from "./numbers/decision_numbers.js";

/**
 * @param {{record: TabRecord<DecisionData>, row: number, asked: Asked,
 *   output: {title: string, second: string}}} props
 */
export function ChannelTables({ record, row, asked, output }) {
  const { details, pictures = [] } = record.data;
  const columns = chooseDetails(pictures[row], asked);
  const layers = (details?.layers ?? []).filter((layer) => layer.channels);
  if (!columns || !layers.length) return null;
  return html`
    <section class="card channels" aria-label="By channel">
      <h3>Which channels</h3>
      <p class="caption">
        Gradient times activation, summed over positions. The pictures are the crops of the probe that excite a channel most.
      </p>
      <div class="channel-tables">
        ${layers.map(
          (layer) => html`
            <${ChannelTable} key=${layer.layer} record=${record} layer=${layer} row=${row} columns=${columns} output=${output} />
          `,
        )}
      </div>
    </section>
  `;
}

/**
 * @param {{record: TabRecord<DecisionData>, layer: import("../records.js").DetailLayer, row: number,
 *   columns: [number, number], output: {title: string, second: string}}} props
 */
function ChannelTable({ record, layer, row, columns, output }) {
  const crops = useSheet(record, layer.channels?.crops);
  const table = layer.channels?.pictures[row];
  if (!table) return null;
  const [first, second] = columns;
  const pair = second >= 0;
  const lines = table.channels.map((channel, place) => ({
    channel,
    crop: table.crops?.[place],
    effects: table.effects[place],
    margin: marginOf(table.effects[place], columns),
  }));
  lines.sort((a, b) => Math.abs(b.margin) - Math.abs(a.margin));
  const most = Math.max(...lines.map(({ margin }) => Math.abs(margin)), 1e-9);
  return html`
    <table>
      <caption>${layer.layer}</caption>
      <thead>
        <tr>
          <th scope="col"><span class="spoken">picture</span></th>
          <th scope="col">channel</th>
          <th scope="col" title=${output.title}>${output.title}</th>
          ${
            pair &&
            html`
              <th scope="col" title=${output.second}>${output.second}</th>
            `
          }
          <th scope="col">${pair ? "difference" : "as a bar"}</th>
        </tr>
      </thead>
      <tbody>
        ${lines.map(
          ({ channel, crop, effects, margin }) => html`
            <tr key=${channel}>
              <td class="channel-crop">
                ${
                  crop !== null &&
                  crop !== undefined &&
                  html`
                    <${Cell} sheet=${crops} index=${crop} size=${30} label=${`What excites channel ${channel} most`} />
                  `
                }
              </td>
              <td>${channel}</td>
              <td>${signed(effects[first])}</td>
              ${
                pair &&
                html`
                  <td>${signed(effects[second])}</td>
                `
              }
              <td>
                <${SignedBar} value=${margin} most=${most} />
              </td>
            </tr>
          `,
        )}
        ${
          table.rest.some(Boolean) &&
          html`
            <tr class="quiet">
              <td></td>
              <td>all others</td>
              <td>${signed(table.rest[first])}</td>
              ${
                pair &&
                html`
                  <td>${signed(table.rest[second])}</td>
                `
              }
              <td></td>
            </tr>
          `
        }
      </tbody>
    </table>
  `;
}
