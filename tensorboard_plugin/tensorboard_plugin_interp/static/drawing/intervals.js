/** Effects with their 95 % intervals over the band of chance, one row each, on one common scale. */
import { html, useRef } from "../vendor/preact-htm.js";
import { extent, scale, tickFormat, ticks, useWidth } from "./charts.js";

const CLEAR_OF_CHANCE = ["finding", "not specific"]; // claims of a row

/** @param {any[]} rows @returns {[number, number]} a range that holds all rows and zero */
export function rangeOf(rows) {
  const keys = ["displacement", "ci_low", "ci_high", "null_low", "null_high"];
  const [low, high] = extent([0, ...rows.flatMap((row) => keys.map((key) => row[key]))]);
  const room = (high - low || 1) * 0.05;
  return [low - room, high + room];
}

/**
 * @param {{row: any, range: [number, number], color: string, label: string, name: string, height?: number}} props `name`: a
 *   short one, to save it under; filled where the
 *   row is clear of chance, a diamond where it is specific as well
 */
export function Interval({ row, range, color, label, name, height = 34 }) {
  const ref = useRef(/** @type {any} */ (null));
  const width = useWidth(ref, 320);
  const x = scale(range, [6, width - 6]);
  const middle = height / 2;
  const known = (/** @type {any[]} */ ...values) => values.every((value) => value !== null && value !== undefined);
  const clear = CLEAR_OF_CHANCE.includes(row.claim);
  const specific = row.claim === "finding" && known(row.specificity);
  return html`
    <div class="interval" ref=${ref}>
      <svg width=${width} height=${height} role="img" aria-label=${label} data-name=${name}>
        ${
          known(row.null_low, row.null_high) &&
          html`
            <rect
              class="band"
              x=${x(row.null_low)}
              width=${Math.max(1, x(row.null_high) - x(row.null_low))}
              y="3"
              height=${height - 6}
              rx="4"
            />
          `
        }
        <line class="zero" x1=${x(0)} x2=${x(0)} y1="0" y2=${height} />
        ${
          known(row.displacement) &&
          html`
            <line
              x1=${x(0)}
              x2=${x(row.displacement)}
              y1=${middle}
              y2=${middle}
              stroke=${color}
              stroke-width=${clear ? 8 : 3}
              opacity=${clear ? 0.28 : 0.2}
            />
          `
        }
        ${
          known(row.ci_low, row.ci_high) &&
          html`
            <g stroke=${color} stroke-width="2">
              <line x1=${x(row.ci_low)} x2=${x(row.ci_high)} y1=${middle} y2=${middle} />
              <line x1=${x(row.ci_low)} x2=${x(row.ci_low)} y1=${middle - 5} y2=${middle + 5} />
              <line x1=${x(row.ci_high)} x2=${x(row.ci_high)} y1=${middle - 5} y2=${middle + 5} />
            </g>
          `
        }
        ${
          known(row.displacement) &&
          html`
            <rect
              class=${specific ? "specific" : ""}
              x=${x(row.displacement) - 5.5}
              y=${middle - 5.5}
              width="11"
              height="11"
              rx=${specific ? 1 : 5.5}
              transform=${specific ? `rotate(45 ${x(row.displacement)} ${middle})` : ""}
              stroke=${color}
              stroke-width="2"
              fill=${clear ? color : "var(--card)"}
            />
          `
        }
      </svg>
    </div>
  `;
}

/** @param {{range: [number, number]}} props the common scale under the rows */
export function IntervalAxis({ range }) {
  const ref = useRef(/** @type {any} */ (null));
  const width = useWidth(ref, 320);
  const x = scale(range, [6, width - 6]);
  const values = ticks(range[0], range[1], Math.max(2, Math.floor(width / 80)));
  const say = tickFormat(values);
  return html`
    <div class="interval axis" ref=${ref}>
      <svg width=${width} height="22" aria-hidden="true">
        ${values.map(
          (value) => html`
            <g class="tick">
              <line x1=${x(value)} x2=${x(value)} y1="0" y2="4" />
              <text x=${x(value)} y="17" text-anchor="middle">${say(value)}</text>
            </g>
          `,
        )}
      </svg>
    </div>
  `;
}
