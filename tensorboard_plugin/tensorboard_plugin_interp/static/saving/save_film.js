/**
 * What a unit looked like step after step, as one animated PNG.
 *
 * @import { Entry, FeaturesData, Unit } from "../records.js"
 */
import { html, useState } from "../vendor/preact-htm.js";
import { isSame } from "../arranging/unit_order.js";
import { place } from "../drawing/canvas.js";
import { plural } from "../format.js";
import { loadPicture } from "../model.js";
import { animate } from "./animated_png.js";
import { download, pngOf } from "./drawings.js";
import { nameFile } from "./save_menu.js";

const SIDE = 192; // at least, in whole multiples of the recorded pixels
const [BEAT, REST] = [400, 1500]; // ms of a frame, and of the last one

/**
 * @param {Entry<FeaturesData>[]} entries
 * @param {Unit} unit
 * @returns {{entry: Entry<FeaturesData>, cell: number}[]} the steps at which it has a picture
 */
const picturesOf = (entries, unit) =>
  entries.flatMap((entry) => {
    const cell = (entry.data.units ?? []).find((candidate) => isSame(candidate, unit))?.picture;
    return entry.data.pictures && Number.isInteger(cell) ? [{ entry, cell: Number(cell) }] : [];
  });

/**
 * @param {{entry: Entry<FeaturesData>, cell: number}[]} pictures
 * @returns {Promise<Uint8Array<ArrayBuffer>>} a frame a step, all as large as the last one
 */
async function film(pictures) {
  const canvas = document.createElement("canvas");
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const sheets = [];
  for (const { entry } of pictures) {
    const sheet = /** @type {import("../records.js").Sheet} */ (entry.data.pictures);
    sheets.push({ ...sheet, image: await loadPicture(entry.images[sheet.image]), stale: false });
  }
  const { width, height } = place(sheets[sheets.length - 1], 0);
  const larger = Math.max(1, Math.ceil(SIDE / Math.min(width, height)));
  canvas.width = Math.round(width * larger);
  canvas.height = Math.round(height * larger);
  context.imageSmoothingEnabled = false;
  const frames = [];
  for (const [index, { cell }] of pictures.entries()) {
    const from = place(sheets[index], cell);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(sheets[index].image, from.x, from.y, from.width, from.height, 0, 0, canvas.width, canvas.height);
    frames.push(pngOf(canvas));
  }
  return animate(frames, frames.map((_, index) => (index === frames.length - 1 ? REST : BEAT)));
}

/** @param {{entries: Entry<FeaturesData>[], unit: Unit}} props the button */
export function SaveFilm({ entries, unit }) {
  const [told, setTold] = useState("");
  const pictures = picturesOf(entries, unit);
  const run = async (/** @type {any} */ event) => {
    const button = event.currentTarget;
    setTold("Making it …");
    try {
      const bytes = await film(pictures);
      download(new Blob([bytes], { type: "image/apng" }), nameFile(button, `${unit.name} over training`, "png"));
      setTold("");
    } catch (error) {
      setTold(`Not saved: ${/** @type {Error} */ (error).message}`);
    }
  };
  if (pictures.length < 2) return null;
  return html`
    <p class="save-film">
      <button class="button" onClick=${run}>Save as animated PNG</button>${" "}
      <span class="quiet" role="status">${told || plural(pictures.length, "frame")}</span>
    </p>
  `;
}
