/**
 * Pictures drawn by pixels: cells of sheets, colored maps of groups, signed heat maps.
 *
 * @import { LoadedSheet } from "../model.js"
 * @typedef {{values: Uint8Array, width: number, height: number}} Cells a grey picture
 * @typedef {LoadedSheet & {image: HTMLImageElement}} Drawable
 * @typedef {(context: CanvasRenderingContext2D) => void} Draw
 */
import { html, useLayoutEffect, useRef } from "../vendor/preact-htm.js";
import { drawInTurn, leaveOut } from "./pixels/in_turn.js";
import { fade, layOver } from "./pixels/shading.js";

/**
 * Colors of groups as [r,g,b], searched for being told apart with any kind of color vision: two of the first six differ
 * by at least 21 in CIE Lab, two of the first eight by 15, also in simulated red, green and blue blindness (Machado
 * 2009), and each stands out from white and from the dark theme by 2.5:1. The last four are lighter variants.
 */
const GROUP_COLORS = [
  [14, 111, 143],
  [248, 126, 21],
  [22, 183, 145],
  [240, 70, 215],
  [122, 98, 0],
  [129, 58, 240],
  [226, 34, 96],
  [100, 160, 250],
  [110, 190, 220],
  [250, 190, 140],
  [190, 215, 110],
  [205, 165, 250],
];
export const COLORS = GROUP_COLORS.length;
const POSITIVE = [38, 116, 224];
const NEGATIVE = [236, 106, 10];

/** @param {number} color its number @returns {string} the same for CSS, a little lighter in the dark theme */
export function groupStyle(color) {
  return `var(--group-${color % COLORS})`;
}

/** Give CSS the colors of groups. @param {boolean} dark */
export function setGroupStyles(dark) {
  GROUP_COLORS.forEach((color, index) => {
    const shown = color.map((part) => Math.round(dark ? part + 0.28 * (255 - part) : part));
    document.documentElement.style.setProperty(`--group-${index}`, `rgb(${shown.join(",")})`);
  });
}

/**
 * Where a cell of a sheet lies.
 * @param {Drawable} sheet
 * @param {number} index
 */
export function place(sheet, index) {
  const width = sheet.image.naturalWidth / sheet.columns;
  const height = sheet.image.naturalHeight / sheet.rows;
  return { x: (index % sheet.columns) * width, y: Math.floor(index / sheet.columns) * height, width, height };
}

/** @type {WeakMap<HTMLImageElement, ImageData>} a sheet's pixels, read once: hovering draws them again and again */
const pixels = new WeakMap();

/** @param {HTMLImageElement} image @returns {ImageData} */
function readPixels(image) {
  let data = pixels.get(image);
  if (!data) {
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
    context.drawImage(image, 0, 0);
    data = context.getImageData(0, 0, canvas.width, canvas.height);
    pixels.set(image, data);
  }
  return data;
}

/**
 * Read one cell as numbers.
 * @param {Drawable} sheet
 * @param {number} index
 * @returns {Cells} the first channel, row by row
 */
export function readCell(sheet, index) {
  const all = readPixels(sheet.image);
  const cell = place(sheet, index);
  const [left, top, width, height] = [cell.x, cell.y, cell.width, cell.height].map(Math.floor);
  const values = new Uint8Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) values[y * width + x] = all.data[((top + y) * all.width + left + x) * 4];
  return { values, width, height };
}

/**
 * @param {LoadedSheet} sheet
 * @param {number} index
 * @param {{x: number, y: number}|null} place as shares of the cell's sides; null for its largest value
 * @returns {number} 0..255
 */
export function readLevel(sheet, index, place) {
  if (!isThere(sheet) || index >= sheet.count) return 0;
  const { values, width, height } = readCell(sheet, index);
  if (!place) return values.reduce((most, value) => Math.max(most, value), 0);
  const [column, row] = [Math.floor(place.x * width), Math.floor(place.y * height)];
  return values[Math.min(height - 1, Math.max(0, row)) * width + Math.min(width - 1, Math.max(0, column))];
}

/**
 * The colors of several groups at once. Where groups overlap the stronger one leads; the strongest sets the opacity.
 * @param {Cells[]} maps one per group, 0..255
 * @param {number[]} colors number of the color of each
 * @param {number|null} only show this group alone
 * @returns {ImageData}
 */
function combine(maps, colors, only) {
  const { width, height } = maps[0];
  const field = new ImageData(width, height);
  for (let position = 0; position < width * height; position++) {
    let weights = 0;
    let strongest = 0;
    const color = [0, 0, 0];
    for (let group = 0; group < maps.length; group++) {
      if (only !== null && only !== group) continue;
      const value = maps[group].values[position] / 255;
      const weight = value * value;
      weights += weight;
      strongest = Math.max(strongest, value);
      const own = GROUP_COLORS[colors[group] % COLORS];
      own.forEach((part, channel) => (color[channel] += weight * part * part)); // about linear light
    }
    color.forEach((part, channel) => (field.data[position * 4 + channel] = weights ? Math.sqrt(part / weights) : 0));
    field.data[position * 4 + 3] = 235 * Math.min(1, 1.15 * strongest ** 0.85);
  }
  return field;
}

/** @type {WeakMap<HTMLImageElement, number>} what `gain` found, by the positive sheet */
const gains = new WeakMap();

/**
 * How much brighter to draw all signed maps of a record: few peaks must not hide the rest.
 * @param {Drawable} positive
 * @param {Drawable} negative
 * @returns {number} 1 to 5; the 99th percentile becomes full color
 */
function gain(positive, negative) {
  let found = gains.get(positive.image);
  if (found === undefined) {
    const counts = new Array(256).fill(0);
    for (const sheet of [positive, negative]) {
      const { data } = readPixels(sheet.image);
      for (let position = 0; position < data.length; position += 4) counts[data[position]]++;
    }
    let left = 0.01 * (counts.reduce((sum, count) => sum + count, 0) / 2); // each place is positive or negative
    let level = 255;
    while (level > 51 && (left -= counts[level]) > 0) level--;
    found = 255 / level;
    gains.set(positive.image, found);
  }
  return found;
}

/**
 * The colors of a signed map: blue pushes toward the target, orange against it.
 * @param {Cells} positive
 * @param {Cells} negative
 * @param {number} brighter
 * @returns {ImageData}
 */
function signedField(positive, negative, brighter) {
  const field = new ImageData(positive.width, positive.height);
  for (let position = 0; position < positive.values.length; position++) {
    const value = (brighter * (positive.values[position] - negative.values[position])) / 255;
    const color = value > 0 ? POSITIVE : NEGATIVE;
    color.forEach((part, channel) => (field.data[position * 4 + channel] = part));
    field.data[position * 4 + 3] = 240 * Math.min(1, Math.abs(value)) ** 0.6;
  }
  return field;
}

/**
 * A canvas that draws itself whenever what it shows has changed, and keeps its picture while the next one is loading.
 * @param {{size: number, ratio: number, label: string, draw: Draw|null, depends: unknown[], loading: boolean}} props
 */
export function Canvas({ size, ratio, label, draw, depends, loading }) {
  const ref = useRef(/** @type {any} */ (null));
  const busy = useRef(loading);
  const drawn = useRef(false);
  busy.current = loading;
  useLayoutEffect(() => {
    if (!draw || (loading && drawn.current)) return; // of two sheets one is there: no new map on an old picture
    const canvas = ref.current;
    drawInTurn(canvas, () => {
      const scale = Math.min(2, window.devicePixelRatio || 1);
      canvas.width = Math.round(size * scale);
      canvas.height = Math.round((size * scale) / ratio);
      draw(canvas.getContext("2d"));
      canvas.setAttribute("aria-busy", String(busy.current));
      drawn.current = true;
    });
  }, [...depends, loading]);
  useLayoutEffect(() => {
    const canvas = ref.current;
    return () => leaveOut(canvas);
  }, []);
  return html`
    <canvas
      ref=${ref}
      class="picture ${draw ? "" : loading ? "waiting" : "absent"}"
      style=${{ aspectRatio: String(ratio) }}
      ...${label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" }}
      aria-busy=${loading}
    />
  `;
}

/** @param {LoadedSheet|undefined} sheet @returns {sheet is Drawable} */
export const isThere = (sheet) => Boolean(sheet?.image);

/** @param {(LoadedSheet|undefined)[]} sheets @returns {boolean} whether one of them is not there yet, or an old one */
export const isLoading = (...sheets) => sheets.some((sheet) => !sheet || sheet.stale);

/** @param {LoadedSheet|undefined} sheet @param {number} index @returns {number} width / height of a cell */
export function ratioOf(sheet, index) {
  if (!isThere(sheet)) return 1;
  const { width, height } = place(sheet, index);
  return width / height || 1;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Drawable} sheet
 * @param {number} index
 * @param {CanvasImageSource} [from] another picture with the same cells
 */
export function drawCell(context, sheet, index, from = sheet.image) {
  const { x, y, width, height } = place(sheet, index);
  const smooth = context.canvas.width / width < 12; // larger blocks stay blocks: a blur would feign detail
  context.imageSmoothingEnabled = smooth;
  context.imageSmoothingQuality = "high";
  context.drawImage(from, x, y, width, height, 0, 0, context.canvas.width, context.canvas.height);
}

/**
 * A picture without its colors and darkened, so that colors laid over it glow.
 * @param {CanvasRenderingContext2D} context
 * @param {Drawable} sheet
 * @param {number} index
 * @param {number} amount of darkness, 0..1
 */
export function drawFaded(context, sheet, index, amount) {
  drawCell(context, sheet, index, fade(sheet.image, amount));
}

/**
 * One cell of a sheet.
 * @param {{sheet: LoadedSheet|undefined, index: number, size: number, label: string}} props
 */
export function Cell({ sheet, index, size, label }) {
  /** @type {Draw|null} */
  const draw =
    isThere(sheet) && index >= 0 && index < sheet.count ? (context) => drawCell(context, sheet, index) : null;
  return html`
    <${Canvas}
      size=${size}
      ratio=${ratioOf(sheet, index)}
      label=${label}
      draw=${draw}
      depends=${[sheet?.image, index, size, Boolean(draw)]}
      loading=${isLoading(sheet)}
    />
  `;
}

/**
 * A probe picture with the colors of groups over it.
 * @param {{thumbnails: LoadedSheet|undefined, index: number, maps: LoadedSheet|undefined, colors: number[],
 *   only: number|null, size: number, label: string}} props `colors` has the number of the color of each group
 */
export function GroupMap({ thumbnails, index, maps, colors, only, size, label }) {
  const groups = colors.length;
  /** @type {Draw|null} */
  const draw =
    isThere(thumbnails) && isThere(maps) && index < thumbnails.count && (index + 1) * groups <= maps.count
      ? (context) => {
          drawFaded(context, thumbnails, index, 0.5);
          const read = Array.from({ length: groups }, (_, group) => readCell(maps, index * groups + group));
          if (read.length) layOver(context, combine(read, colors, only));
        }
      : null;
  const depends = [thumbnails?.image, maps?.image, index, colors.join(), only, size, Boolean(draw)];
  const loading = isLoading(thumbnails, maps);
  return html`
    <${Canvas}
      size=${size}
      ratio=${ratioOf(thumbnails, index)}
      label=${label}
      draw=${draw}
      depends=${depends}
      loading=${loading}
    />
  `;
}

/**
 * A probe picture with a signed heat map over it.
 * @param {{thumbnails?: LoadedSheet, shape?: LoadedSheet, probe: number, positive: LoadedSheet|undefined,
 *   negative: LoadedSheet|undefined, index: number, size: number, label: string}} props a map alone has the shape of
 *   the pictures in `shape`: that of a series is one pixel high
 */
export function SignedMap({ thumbnails, shape, probe, positive, negative, index, size, label }) {
  const under = isThere(thumbnails) && probe < thumbnails.count ? thumbnails : undefined;
  /** @type {Draw|null} */
  const draw =
    isThere(positive) && isThere(negative) && index < positive.count && index < negative.count
      ? (context) => {
          if (under) drawFaded(context, under, probe, 0.66); // signed maps are mostly weak
          const brighter = gain(positive, negative);
          layOver(context, signedField(readCell(positive, index), readCell(negative, index), brighter));
        }
      : null;
  const depends = [thumbnails?.image, shape?.image, positive?.image, negative?.image, probe, index, size, Boolean(draw)];
  const like = under ?? shape;
  const ratio = like ? ratioOf(like, probe) : ratioOf(positive, index);
  return html`
    <${Canvas}
      size=${size}
      ratio=${ratio}
      label=${label}
      draw=${draw}
      depends=${depends}
      loading=${isLoading(positive, negative)}
    />
  `;
}

/**
 * A picture with what sets one class apart from another over it: signed maps in one sheet, 0 in the middle of the grey.
 * @param {{picture: LoadedSheet|undefined, index: number, maps: LoadedSheet|undefined, first: number, second: number,
 *   size: number, label: string}} props `first` and `second` are cells, the second -1 for none
 */
export function ContrastMap({ picture, index, maps, first, second, size, label }) {
  /** @type {Draw|null} */
  const draw =
    isThere(maps) && first < maps.count && second < maps.count
      ? (context) => {
          if (isThere(picture)) drawFaded(context, picture, index, 0.6);
          const { positive, negative, peak } = readContrast(maps, first, second);
          const brighter = Math.min(12, 255 / Math.max(8, peak)); // so that it can be seen at all
          layOver(context, signedField(positive, negative, brighter));
        }
      : null;
  const depends = [picture?.image, index, maps?.image, first, second, size, Boolean(draw)];
  return html`
    <${Canvas}
      size=${size}
      ratio=${ratioOf(picture, index)}
      label=${label}
      draw=${draw}
      depends=${depends}
      loading=${isLoading(maps)}
    />
  `;
}

/**
 * @param {Drawable} maps
 * @param {number} first
 * @param {number} second
 * @returns {{positive: Cells, negative: Cells, peak: number}} in 0..255; `peak` is nearly the largest of both
 */
function readContrast(maps, first, second) {
  const one = readCell(maps, first);
  const other = second < 0 ? null : readCell(maps, second);
  const values = Array.from(one.values, (value, place) => value - (other ? other.values[place] : 127.5));
  const sizes = values.map(Math.abs).sort((a, b) => a - b);
  const cell = (/** @type {number} */ sign) => ({
    width: one.width,
    height: one.height,
    values: Uint8Array.from(values, (value) => Math.max(0, Math.min(255, sign * value))),
  });
  return { positive: cell(1), negative: cell(-1), peak: sizes[Math.floor(0.98 * (sizes.length - 1))] ?? 0 };
}
