/**
 * What a record of kind "dictionary" says of a place. Pure functions.
 *
 * A place is where it lies in the picture, as shares of its sides, so that it is the same in every layer.
 *
 * @import { DictionaryData, Fired, Word } from "../records.js"
 * @typedef {{x: number, y: number}} Place
 * @typedef {{row: number, column: number, index: number}} Position of a layer
 * @typedef {{word: Word, index: number, part: number, value: number}} Entry `part` of the largest strength, 0..1
 * @typedef {{probe: number, row: number, column: number, likeness: number|null}} Source
 */

const SCALE = 1000; // what the largest strength and magnitude are written as

/** @param {DictionaryData} data @param {Place} place @returns {Position} */
export function positionAt({ rows = 1, columns = 1 }, { x, y }) {
  const row = Math.min(rows - 1, Math.max(0, Math.floor(y * rows)));
  const column = Math.min(columns - 1, Math.max(0, Math.floor(x * columns)));
  return { row, column, index: row * columns + column };
}

/** @param {DictionaryData} data @param {number} row @param {number} column @returns {Place} its middle */
export function placeOf({ rows = 1, columns = 1 }, row, column) {
  return { x: (column + 0.5) / columns, y: (row + 0.5) / rows };
}

/** @param {DictionaryData} data @param {number} picture @returns {Place} where the strongest single activation is */
export function strongestPlace(data, picture) {
  const { strengths = [] } = data.pictures?.[picture] ?? {};
  const best = strengths.reduce((most, value, at) => (value > strengths[most] ? at : most), 0);
  const index = Math.floor(best / (data.top ?? 1));
  return placeOf(data, Math.floor(index / (data.columns ?? 1)), index % (data.columns ?? 1));
}

/** @param {DictionaryData} data @param {Fired|null|undefined} fired @param {number} index @returns {Entry[]} */
export function entriesAt({ words = [], top = 1, scale = 0 }, fired, index) {
  const found = [];
  for (let rank = index * top; fired && rank < (index + 1) * top; rank++) {
    const word = words[fired.entries[rank] ?? -1];
    const part = (fired.strengths[rank] ?? 0) / SCALE;
    if (word) found.push({ word, index: fired.entries[rank], part, value: part * (scale ?? 0) });
  }
  return found;
}

/**
 * @param {DictionaryData} data
 * @param {number} picture
 * @param {number} word
 * @returns {number[]} how strongly it fires at each position, 0..1; 0 where it is not among the strongest
 */
export function mapOf({ rows = 1, columns = 1, top = 1, pictures = [] }, picture, word) {
  const { entries = [], strengths = [] } = pictures[picture] ?? {};
  const found = new Array(rows * columns).fill(0);
  entries.forEach((entry, at) => {
    if (entry === word) found[Math.floor(at / top)] = strengths[at] / SCALE;
  });
  return found;
}

/** @param {DictionaryData} data @param {number} picture @param {number} index @returns {number} in units of the layer */
export function magnitudeAt(data, picture, index) {
  return ((data.pictures?.[picture]?.magnitudes[index] ?? 0) / SCALE) * (data.magnitude_scale ?? 0);
}

/** @param {DictionaryData} data @param {number} picture @returns {number[]} the area of each cell, 0..1 of a whole one */
export function areasOf(data, picture) {
  const magnitudes = data.pictures?.[picture]?.magnitudes ?? [];
  const most = Math.max(...magnitudes, 1);
  return magnitudes.map((value) => value / most);
}

/**
 * @param {DictionaryData} data
 * @param {number} picture
 * @param {number} index
 * @returns {Source|null} which part of a probe picture stands for a position
 */
export function sourceOf({ rows = 1, columns = 1, pictures = [], crop }, picture, index) {
  const { sources, likeness } = pictures[picture] ?? {};
  const source = sources?.[index];
  if (!crop || source === undefined) return null;
  const [probe, position] = [Math.floor(source / (rows * columns)), source % (rows * columns)];
  return {
    probe,
    row: Math.floor(position / columns),
    column: position % columns,
    likeness: likeness?.[index] ?? null,
  };
}

/**
 * Where a part of a picture lies, as `crop_around` in Python cuts it out.
 * @param {DictionaryData} data
 * @param {{row: number, column: number}} position
 * @returns {{left: number, top: number, width: number, height: number}} shares of the picture's sides
 */
export function cropOf(data, { row, column }) {
  const [height, width] = data.crop ?? [1, 1];
  const { x, y } = placeOf(data, row, column);
  const inside = (/** @type {number} */ middle, /** @type {number} */ size) =>
    Math.min(Math.max(middle - size / 2, 0), 1 - size);
  return { left: inside(x, width), top: inside(y, height), width, height };
}
