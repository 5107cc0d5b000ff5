/** What a network gives for some classes, as bars: now, and beside it what it was before something was changed. */
import { html } from "../vendor/preact-htm.js";
import { number } from "../format.js";

/**
 * @param {{label: string, rows: {key: string, name: string, role?: string, title?: string, score: number,
 *   after: number|null, onPress?: () => void}[]}} props `after` is the score after a change, null without one
 */
export function ClassBars({ label, rows }) {
  const every = rows.flatMap(({ score, after }) => [score, after ?? 0]);
  const [low, high] = [Math.min(0, ...every), Math.max(0, ...every, 1e-9)];
  const at = (/** @type {number} */ value) => (100 * (value - low)) / (high - low || 1);
  const bar = (/** @type {number} */ value) => ({
    left: `${Math.min(at(0), at(value))}%`,
    width: `${Math.abs(at(value) - at(0))}%`,
  });
  return html`
    <ul class="class-bars" aria-label=${label}>
      ${rows.map(
        ({ key, name, role = "", title, score, after, onPress }) => html`
          <li key=${key}>
            <button class="class-bar ${role}" title=${title} disabled=${!onPress} onClick=${onPress}>
              <span class="class-name">${name}</span>
              <span class="class-track">
                <i class=${after === null ? "now" : "before"} style=${bar(score)} />
                ${
                  after !== null &&
                  html`
                    <i class="now" style=${bar(after)} />
                  `
                }
              </span>
              <span class="class-value">
                ${number(after ?? score)}
                ${
                  after !== null &&
                  html`
                    <small> was ${number(score)}</small>
                  `
                }
              </span>
            </button>
          </li>
        `,
      )}
    </ul>
  `;
}
