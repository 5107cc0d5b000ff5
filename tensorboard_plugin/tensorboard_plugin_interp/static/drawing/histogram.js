/** A small distribution: how often each activation occurs among the probe pictures, and where one value lies in it. */
import { html } from "../vendor/preact-htm.js";
import { number, plural } from "../format.js";
import { Save } from "../saving/save_menu.js";

const WIDTH = 368;
const HEIGHT = 64;

/**
 * @param {{histogram: {low: number|null, high: number|null, counts: number[]}|null|undefined, mark: number|null,
 *   name: string}} props `mark` is a value to point at; it may lie outside the distribution
 */
export function Histogram({ histogram, mark, name }) {
  const [low, high] = [histogram?.low ?? NaN, histogram?.high ?? NaN];
  const counts = histogram?.counts ?? [];
  if (!Number.isFinite(low) || !Number.isFinite(high) || !counts.length) return null;
  const from = Math.min(low, mark ?? low, 0);
  const to = Math.max(high, mark ?? high) || 1;
  const x = (/** @type {number} */ value) => ((value - from) / (to - from || 1)) * WIDTH;
  const most = Math.max(...counts, 1);
  const bar = (x(high) - x(low)) / counts.length;
  const short = `Histogram: ${name}`;
  return html`
    <div class="chart">
      <svg
        class="histogram"
        viewBox=${`0 0 ${WIDTH} ${HEIGHT + 18}`}
        role="img"
        data-name=${short}
        aria-label=${`${name}: ${plural(counts.reduce((sum, count) => sum + count, 0), "picture")} from ${number(low)} to ${number(high)}`}
      >
        ${counts.map(
          (count, index) => html`
            <rect
              x=${x(low) + index * bar + 0.5}
              width=${Math.max(bar - 1, 0.5)}
              y=${HEIGHT - (count / most) * (HEIGHT - 4)}
              height=${(count / most) * (HEIGHT - 4)}
            />
          `,
        )}
        <line class="axis" x1="0" x2=${WIDTH} y1=${HEIGHT} y2=${HEIGHT} />
        ${
          mark !== null &&
          html`
            <line class="mark" x1=${x(mark)} x2=${x(mark)} y1="0" y2=${HEIGHT} />
          `
        }
        <text x="0" y=${HEIGHT + 14}>${number(from)}</text>
        <text x=${WIDTH} y=${HEIGHT + 14} text-anchor="end">${number(to)}</text>
      </svg>
      <span class="save-chart"><${Save} what=${short} scope=".chart" /></span>
    </div>
  `;
}
