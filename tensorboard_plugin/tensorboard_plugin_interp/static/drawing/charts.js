/**
 * Curves over steps, by hand in SVG: lines with an interval around them, and stacked shares.
 *
 * @typedef {{x: number, y: number|null, low?: number|null, high?: number|null, from?: number|null, to?: number|null}}
 *   Point `low..high` is the interval, `from..to` what chance gives
 * @typedef {{name: string, color: string, points: Point[], dashed?: boolean, at?: number}} Line `at`: the step of its own
 *   that is chosen, where it is another one than that of the chart
 * @typedef {(value: number) => number} Scale
 */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { tellChart } from "../saving/chart_frame.js";
import { Save } from "../saving/save_menu.js";
import { coordinate, decimals, number, percent, whole } from "../format.js";

const MARGIN = { top: 10, right: 14, bottom: 24, left: 46 };

/** @param {any} ref @param {number} [first] @returns {number} the width of an element, also after it changes */
export function useWidth(ref, first = 480) {
  const [width, setWidth] = useState(first);
  useEffect(() => {
    const measure = () => ref.current?.clientWidth && setWidth(ref.current.clientWidth);
    const observer = new ResizeObserver(measure);
    observer.observe(ref.current);
    measure();
    return () => observer.disconnect();
  }, []);
  return width;
}

/**
 * @param {number} low
 * @param {number} high
 * @param {number} count
 * @returns {number[]} round numbers that cover a range
 */
export function ticks(low, high, count) {
  if (!(high > low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.8) ?? rough;
  const result = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index++)
    result.push(index * step || 0); // not -0
  return result;
}

/**
 * @param {[number, number]} ends
 * @param {number} count
 * @returns {number[]} where to write steps; both ends where nothing round lies between
 */
function stepTicks(ends, count) {
  const values = ticks(ends[0], ends[1], count);
  return values.length > 1 ? values : [...new Set(ends)];
}

/**
 * @param {number[]} values evenly spaced
 * @returns {(value: number) => string} with as many decimals as their distance needs
 */
export function tickFormat(values) {
  const step = values.length > 1 ? values[1] - values[0] : Math.abs(values[0]) || 1;
  if (step < 1e-4 || step >= 1e6) return number;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return (value) =>
    Math.abs(value) < step / 2
      ? "0"
      : decimals(value, digits);
}

/** @param {(number|null|undefined)[]} values @returns {[number, number]} */
export function extent(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value === null || value === undefined || !Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? [low, high] : [0, 1];
}

/** @param {[number, number]} from @param {[number, number]} to @returns {Scale} */
export function scale(from, to) {
  const span = from[1] - from[0] || 1;
  return (value) => to[0] + ((value - from[0]) / span) * (to[1] - to[0]);
}

/**
 * @template {{x: number}} P
 * @param {P[]} points
 * @param {(p: P) => number|null|undefined} low
 * @param {(p: P) => number|null|undefined} high
 * @param {Scale} x
 * @param {Scale} y
 * @returns {string}
 */
function ribbon(points, low, high, x, y) {
  const known = points.flatMap((point) => {
    const [from, to] = [low(point) ?? NaN, high(point) ?? NaN];
    return Number.isFinite(from) && Number.isFinite(to) ? [{ x: coordinate(x(point.x)), from: y(from), to: y(to) }] : [];
  });
  if (known.length < 2) return "";
  const there = known.map((point) => `${point.x},${coordinate(point.to)}`);
  const back = known.reverse().map((point) => `${point.x},${coordinate(point.from)}`);
  return `M${[...there, ...back].join("L")}Z`;
}

/** @param {Point[]} points @param {Scale} x @param {Scale} y @returns {string} with gaps where a value is missing */
function path(points, x, y) {
  let result = "";
  let open = false;
  for (const point of points) {
    const value = point.y ?? NaN;
    const known = Number.isFinite(value);
    if (known) result += `${open ? "L" : "M"}${coordinate(x(point.x))},${coordinate(y(value))}`;
    open = known;
  }
  return result;
}

/**
 * The frame of a chart: axes, the mark of the slider's step, and what lies under the pointer.
 * @param {{label: string, name?: string, about: string, height: number, xs: number[], range: [number, number], percents?: boolean,
 *   at?: number, beside?: number, onPick?: (x: number) => void, tip: (x: number) => any,
 *   children: (x: Scale, y: Scale) => any}} props `beside`: the step A that `at`, then B, is compared with
 */
function Frame({ label, name, about, height, xs, range, percents = false, at, beside, onPick, tip, children }) {
  const ref = useRef(/** @type {any} */ (null));
  const width = useWidth(ref);
  const [under, setUnder] = useState(/** @type {number|null} */ (null));
  const ends = extent(xs);
  const x = scale(ends, [MARGIN.left, width - MARGIN.right]);
  const y = scale(range, [height - MARGIN.bottom, MARGIN.top]);
  const nearest = (/** @type {PointerEvent} */ event) => {
    const left = event.clientX - ref.current.getBoundingClientRect().left;
    return xs.reduce((best, next) => (Math.abs(x(next) - left) < Math.abs(x(best) - left) ? next : best), xs[0]);
  };
  const shown = under !== null && xs.includes(under) ? under : null;
  const levels = ticks(range[0], range[1], height > 150 ? 5 : 3);
  const write = tickFormat(levels.map((level) => level * (percents ? 100 : 1)));
  const say = (/** @type {number} */ level) => (percents ? `${write(level * 100)} %` : write(level));
  return html`
    <div class="chart" ref=${ref} style=${{ height: `${height}px` }}>
      <svg
        width=${width}
        height=${height}
        role="img"
        aria-label=${label}
        data-name=${name}
        data-chart=${about}
        class=${onPick ? "pickable" : ""}
        onPointerMove=${(event) => setUnder(nearest(event))}
        onPointerLeave=${() => setUnder(null)}
        onClick=${(event) => onPick?.(nearest(event))}
      >
        ${levels.map(
          (value) => html`
            <g class=${Math.abs(value) < 1e-12 ? "tick zero" : "tick"}>
              <line x1=${MARGIN.left} x2=${width - MARGIN.right} y1=${y(value)} y2=${y(value)} />
              <text x=${MARGIN.left - 8} y=${y(value) + 4} text-anchor="end">${say(value)}</text>
            </g>
          `,
        )}
        ${stepTicks(ends, Math.max(2, Math.floor(width / 110))).map(
          (value) => html`
            <text class="tick-x" x=${x(value)} y=${height - 6} text-anchor="middle">${whole(value)}</text>
          `,
        )}
        ${children(x, y)}
        ${[beside, at].map(
          (step, side) =>
            step !== undefined &&
            step >= ends[0] &&
            step <= ends[1] &&
            html`
              <line class=${side ? "now" : "now beside"} x1=${x(step)} x2=${x(step)} y1=${MARGIN.top} y2=${height - MARGIN.bottom} />
              ${
                beside !== undefined &&
                html`
                  <text class="now-letter" x=${x(step) + (side ? 4 : -4)} y=${MARGIN.top + 10} text-anchor=${side ? "start" : "end"}>
                    ${"AB"[side]}
                  </text>
                `
              }
            `,
        )}
        ${
          shown !== null &&
          html`
            <line class="under" x1=${x(shown)} x2=${x(shown)} y1=${MARGIN.top} y2=${height - MARGIN.bottom} />
          `
        }
      </svg>
      <span class="save-chart"><${Save} what=${name ?? `chart: ${label}`} scope=".chart" /></span>
      ${
        shown !== null &&
        html`
          <div class="chart-tip ${x(shown) > width / 2 ? "left" : ""}" style=${{ left: `${x(shown)}px` }}>
            ${tip(shown)}
          </div>
        `
      }
    </div>
  `;
}

/**
 * Lines with an interval around each, and a grey band of chance behind each, edged in the line's color.
 * @param {{label: string, name?: string, series: Line[], height?: number,
 *   at?: number, beside?: number, onPick?: (x: number) => void, zero?: boolean, xName?: string, yName?: string}} props `name`: a short one,
 *   to save it under; `beside`: the step A that `at` is compared with; lines without a step of their own have both
 */
export function LineChart({ label, name, series, height = 220, at, beside, onPick, zero = false, xName = "", yName = "" }) {
  const all = series.flatMap((line) =>
    line.points.flatMap((point) => [point.y, point.low, point.high, point.from, point.to]),
  );
  const [low, high] = extent([...all, ...(zero ? [0] : [])]);
  const room = (high - low || 1) * 0.06;
  const xs = [...new Set(series.flatMap((line) => line.points.map((point) => point.x)))].sort((a, b) => a - b);
  const tip = (/** @type {number} */ x) => html`
    <b>${xName ? `${xName} ` : ""}${whole(x)}</b>
    ${series.map((line) => {
      const point = line.points.find((candidate) => candidate.x === x);
      if (!point) return null;
      const around = Number.isFinite(point.low ?? NaN) ? ` [${number(point.low)}, ${number(point.high)}]` : "";
      return html`
        <div>
          <i class="swatch" style=${{ background: line.color }} />
          ${line.name} ${number(point.y)}${around}
        </div>
      `;
    })}
  `;
  const alone = !series.some((line) => line.at !== undefined); // A is a point of the same lines
  if (!xs.length) return null;
  return html`
    <${Frame}
      label=${label}
      name=${name}
      about=${tellChart({ legend: series.map(({ name, color, dashed }) => ({ name, color, dashed })), x: xName, y: yName })}
      height=${height}
      xs=${xs}
      range=${[low - room, high + room]}
      at=${at}
      beside=${beside}
      onPick=${onPick}
      tip=${tip}
    >
      ${(/** @type {Scale} */ x, /** @type {Scale} */ y) => html`
        ${series.map(
          (line) => html`
            <path
              class="band edged"
              stroke=${line.color}
              d=${ribbon(
                line.points,
                (p) => p.from,
                (p) => p.to,
                x,
                y,
              )}
            />
          `,
        )}
        ${series.map(
          (line) => html`
            <path
              class="ribbon"
              fill=${line.color}
              d=${ribbon(
                line.points,
                (p) => p.low,
                (p) => p.high,
                x,
                y,
              )}
            />
          `,
        )}
        ${series.map(
          (line) => html`
            <path class=${line.dashed ? "line dashed" : "line"} stroke=${line.color} d=${path(line.points, x, y)} />
            ${line.points.map((point) => {
              const all = height > 150 && line.points.length <= 60;
              const marked = [line.at ?? at, ...(alone ? [beside] : [])].includes(point.x);
              if (!(all || marked || line.points.length === 1) || point.y === null || !Number.isFinite(point.y)) return null;
              const radius = all ? (marked ? 4.5 : 2.2) : 4;
              return html`
                <circle cx=${x(point.x)} cy=${y(point.y)} r=${radius} fill=${line.color} />
              `;
            })}
          `,
        )}
      `}
    <//>
  `;
}

/**
 * Shares stacked on each other, together at most 1.
 * @param {{label: string, names: string[], colors: string[], points: {x: number, shares: number[]}[], height?: number,
 *   at?: number, onPick?: (x: number) => void, only?: number|null}} props
 */
export function ShareChart({ label, names, colors, points, height = 200, at, onPick, only = null }) {
  const xs = points.map((point) => point.x);
  if (!xs.length) return null;
  const top = Math.max(...points.map((point) => point.shares.reduce((sum, share) => sum + share, 0)), 0.01);
  const stacked = names.map((_, group) =>
    points.map((point) => {
      const low = point.shares.slice(0, group).reduce((sum, share) => sum + share, 0);
      return { x: point.x, y: low, low, high: low + (point.shares[group] ?? 0) };
    }),
  );
  const tip = (/** @type {number} */ x) => {
    const point = points.find((candidate) => candidate.x === x);
    return html`
      <b>step ${whole(x)}</b>
      ${names.map(
        (name, group) => html`
          <div>
            <i class="swatch" style=${{ background: colors[group] }} />
            ${name} ${percent(point?.shares[group])}
          </div>
        `,
      )}
    `;
  };
  return html`
    <${Frame}
      label=${label}
      about=${tellChart({ legend: names.map((name, place) => ({ name, color: colors[place] })), x: "step", y: "share of the activation" })}
      height=${height}
      xs=${xs}
      range=${[0, Math.min(1, top * 1.05)]}
      percents
      at=${at}
      onPick=${onPick}
      tip=${tip}
    >
      ${(/** @type {Scale} */ x, /** @type {Scale} */ y) =>
        stacked.map(
          (area, group) => html`
            <path
              class="area"
              opacity=${only === null || only === group ? 0.85 : 0.15}
              fill=${colors[group]}
              d=${ribbon(
                area,
                (p) => p.low,
                (p) => p.high,
                x,
                y,
              )}
            />
            ${
              area.length === 1 &&
              html`
                <line
                  stroke=${colors[group]}
                  stroke-width="8"
                  x1=${x(area[0].x)}
                  x2=${x(area[0].x)}
                  y1=${y(area[0].low)}
                  y2=${y(area[0].high)}
                />
              `
            }
          `,
        )}
    <//>
  `;
}
