/**
 * What a saved chart carries beside its drawing, so that it can be read alone: title, axes, legend, and where it is from.
 *
 * @typedef {{left: number, top: number, right: number, bottom: number}} Box
 * @typedef {{name: string, color: string, dashed?: boolean}} Key
 */

const NAMESPACE = "http://www.w3.org/2000/svg";
const LINE = 17; // from one line of text to the next
const LETTER = 6.7; // about the width of one, at 12 px

/** @param {{legend: Key[], x?: string, y?: string}} about @returns {string} for `data-chart` of an SVG */
export const tellChart = (about) => JSON.stringify(about);

/** @param {string} text @param {number} width @returns {string[]} lines that fit into it */
export function wrap(text, width) {
  const most = Math.max(12, Math.floor(width / LETTER));
  /** @type {string[]} */
  const lines = [];
  for (const word of text.split(/\s+/)) {
    const last = lines[lines.length - 1];
    if (last !== undefined && last.length + word.length < most) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** @param {string} name @param {Record<string, string|number>} values @param {string} [text] @returns {Element} */
function make(name, values, text) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(values)) element.setAttribute(key, String(value));
  if (text !== undefined) element.textContent = text;
  return element;
}

/** @param {string} color such as "var(--accent)" @returns {string} as a program reads it that knows nothing of the theme */
function plain(color) {
  const name = /^var\((--[\w-]+)\)$/.exec(color)?.[1];
  return name ? getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#888888" : color;
}

/**
 * Write title, axes, legend and source around a drawing.
 * @param {SVGSVGElement} shown as the page has it, with `data-chart` if it has axes or several lines
 * @param {Element} copy takes what is written
 * @param {Box} box of the drawing
 * @param {string} source where it is from, such as run, layer and step
 * @returns {Box} with room for all of it
 */
export function frame(shown, copy, box, source) {
  /** @type {{legend?: Key[], x?: string, y?: string}} */
  const { legend = [], x = "", y = "" } = JSON.parse(shown.dataset.chart ?? "{}");
  const style = getComputedStyle(shown);
  const look = { "font-family": style.fontFamily, "font-size": 12, fill: plain("var(--ink)"), stroke: "none" };
  const quiet = { ...look, "font-size": 11, fill: plain("var(--quiet)") };
  const width = box.right - box.left;
  let { top, bottom } = box;
  const above = [...wrap(shown.getAttribute("aria-label") ?? "", width).map((text) => ({ text, of: { ...look, "font-weight": 600 } })),
    ...(y ? [{ text: y, of: quiet }] : [])];
  top -= LINE * above.length;
  above.forEach(({ text, of }, place) => copy.append(make("text", { ...of, x: box.left, y: top + LINE * (place + 0.75) }, text)));
  if (x) {
    bottom += LINE;
    copy.append(make("text", { ...quiet, x: box.right, y: bottom - 4, "text-anchor": "end" }, x));
  }
  for (const { name, color, dashed } of legend)
    wrap(name, width - 22).forEach((text, place) => {
      bottom += LINE;
      if (!place)
        copy.append(make("line", { x1: box.left, x2: box.left + 14, y1: bottom - 8, y2: bottom - 8, stroke: plain(color),
          "stroke-width": 4, "stroke-dasharray": dashed ? "4 3" : "none" }));
      copy.append(make("text", { ...look, x: box.left + 20, y: bottom - 4 }, text));
    });
  for (const text of source ? wrap(source, width) : []) {
    bottom += LINE;
    copy.append(make("text", { ...quiet, x: box.left, y: bottom - 4 }, text));
  }
  return { ...box, top, bottom };
}
