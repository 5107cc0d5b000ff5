/** Pictures and charts of the page as files: canvases as PNG, SVG with its styles inside, and that as PNG as well. */

import { frame } from "./chart_frame.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const STYLES = [
  ...["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "stroke-linejoin", "opacity"],
  ...["font-family", "font-size", "font-weight", "text-anchor", "dominant-baseline", "display", "visibility"],
];
const FINER = 2; // pixels of a PNG to one of the page
const ROOM = 4; // around what is drawn

/** @param {Blob} blob @param {string} name @returns {void} */
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/**
 * @param {HTMLCanvasElement} canvas
 * @returns {Uint8Array<ArrayBuffer>} a PNG file, at once: `toBlob` waits until a browser is idle, for each frame of a film
 */
export function pngOf(canvas) {
  const [, text] = canvas.toDataURL("image/png").split(",");
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** @param {string} text @returns {string} a color of the theme, as numbers */
function colorOf(text) {
  return getComputedStyle(document.documentElement).getPropertyValue(text).trim() || "#ffffff";
}

/**
 * @param {SVGSVGElement} shown as the page has it
 * @param {string} source where it is from
 * @returns {{text: string, width: number, height: number}} the same as a file of its own: styles written at each element,
 *   on the ground of a card, large enough for labels that stand out of the frame
 */
export function svgOf(shown, source) {
  const copy = /** @type {SVGSVGElement} */ (shown.cloneNode(true));
  const [all, copied] = [[shown, ...shown.querySelectorAll("*")], [copy, ...copy.querySelectorAll("*")]];
  all.forEach((element, place) => {
    const style = getComputedStyle(element);
    for (const name of STYLES) copied[place].setAttribute(name, style.getPropertyValue(name));
    for (const name of ["class", "style", "tabindex", "role", "data-chart", "data-name"]) copied[place].removeAttribute(name);
  });
  const view = shown.viewBox.baseVal?.width ? shown.viewBox.baseVal : { x: 0, y: 0, width: shown.clientWidth, height: shown.clientHeight };
  const inside = shown.getBBox();
  const drawing = {
    left: Math.min(view.x, inside.x) - ROOM,
    top: Math.min(view.y, inside.y) - ROOM,
    right: Math.max(view.x + view.width, inside.x + inside.width) + ROOM,
    bottom: Math.max(view.y + view.height, inside.y + inside.height) + ROOM,
  };
  const { left, top, right, bottom } = frame(shown, copy, drawing, source);
  const [width, height] = [right - left, bottom - top];
  const ground = document.createElementNS(NAMESPACE, "rect");
  Object.entries({ x: left, y: top, width, height, fill: colorOf("--card") }).forEach(([name, value]) =>
    ground.setAttribute(name, String(value)),
  );
  copy.prepend(ground);
  copy.setAttribute("xmlns", NAMESPACE);
  copy.setAttribute("viewBox", `${left} ${top} ${width} ${height}`);
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  return { text: new XMLSerializer().serializeToString(copy), width, height };
}

/** @param {SVGSVGElement} shown @param {string} source @returns {Promise<Uint8Array<ArrayBuffer>>} a PNG file */
export async function pngOfSvg(shown, source) {
  const { text, width, height } = svgOf(shown, source);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(width * FINER);
  canvas.height = Math.ceil(height * FINER);
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return pngOf(canvas);
}

/** @param {HTMLTableElement} table @returns {{header: string[], rows: string[][]}} its text, cell by cell */
export function readTable(table) {
  const [header = [], ...rows] = [...table.rows].map((row) => [...row.cells].map((cell) => cell.innerText.trim()));
  return { header, rows };
}
