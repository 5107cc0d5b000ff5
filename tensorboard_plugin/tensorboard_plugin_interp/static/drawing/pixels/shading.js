/** What lies under and over a map of colors: the picture, darkened, and the colors, smoothly. */

/** @type {WeakMap<HTMLImageElement, Map<number, HTMLCanvasElement>>} sheets that were faded, by how much */
const faded = new WeakMap();

/**
 * @param {HTMLImageElement} image
 * @param {number} amount of darkness, 0..1
 * @returns {HTMLCanvasElement} without its colors and darkened: once for all cells, which may be drawn a hundred times
 */
export function fade(image, amount) {
  const known = faded.get(image) ?? new Map();
  faded.set(image, known);
  let canvas = known.get(amount);
  if (!canvas) {
    canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.drawImage(image, 0, 0);
    context.globalCompositeOperation = "saturation";
    context.fillStyle = "#808080";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.globalCompositeOperation = "source-over";
    context.fillStyle = `rgba(22,24,30,${amount})`;
    context.fillRect(0, 0, canvas.width, canvas.height);
    known.set(amount, canvas);
  }
  return canvas;
}

/** @type {HTMLCanvasElement|undefined} one for all fields: a canvas takes longer to make than to draw */
let small;

/**
 * Lay a low-resolution color field over a canvas, smoothly.
 * @param {CanvasRenderingContext2D} context
 * @param {ImageData} field
 */
export function layOver(context, field) {
  small ??= document.createElement("canvas");
  if (small.width !== field.width || small.height !== field.height) {
    small.width = field.width;
    small.height = field.height;
  }
  /** @type {CanvasRenderingContext2D} */ (small.getContext("2d", { willReadFrequently: true })).putImageData(field, 0, 0);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, context.canvas.width, context.canvas.height);
}
