/**
 * What stands below the record of a layer: how it was made.
 *
 * @import { TabRecord } from "../records.js"
 */
import { html } from "../vendor/preact-htm.js";
import { LineChart } from "../drawing/charts.js";
import { whole } from "../format.js";
import { tellMade } from "./settings.js";

/** @param {{record: TabRecord}} props notes that are news in sight, all else behind a click */
export function Made({ record }) {
  const { notes = [], background = [], curve } = record.data;
  const { sentences, rest } = tellMade(record);
  const known = new Set(background.map(String));
  const news = notes.map(String).filter((note) => !known.has(note));
  return html`
    <footer class="made">
      ${news.map(
        (note) => html`
          <p class="note">${note}</p>
        `,
      )}
      <details>
        <summary>How this was made</summary>
        <ul class="sentences">
          ${[...sentences, ...known].map(
            (sentence) => html`
              <li key=${sentence}>${sentence}</li>
            `,
          )}
        </ul>
        ${
          rest.length > 0 &&
          html`
            <dl class="facts">
              ${rest.map(
                ([key, value]) => html`
                  <div key=${key}>
                    <dt>${key}</dt>
                    <dd>${value}</dd>
                  </div>
                `,
              )}
            </dl>
          `
        }
        ${
          Array.isArray(curve) &&
          curve.length > 1 &&
          html`
            <div class="small-chart">
              <p class="caption">
                What was optimized, mean of all pictures, at each of the ${whole(curve.length)} steps. It is measured on
                randomly shifted pictures and less any penalty, so it goes up and down; what counts is what a picture
                reaches in the end, which its card says.
              </p>
              <${LineChart}
                label="Objective over the optimization"
                height=${110}
                series=${[{ name: "objective", color: "var(--accent)", points: curve.map((y, x) => ({ x, y })) }]}
              />
            </div>
          `
        }
      </details>
    </footer>
  `;
}
