/** Which of the pictures are shown: only right ones, only wrong ones, those of a class, those whose name has a text. */
import { findNames } from "../choosing/found_names.js";
import { byName } from "../format.js";

/** @type {string[][]} */
export const OUTCOMES = [
  ["", "all pictures"],
  ["right", "only right"],
  ["wrong", "only wrong"],
];

/**
 * @typedef {object} Shown what is known of a picture
 * @property {string} name
 * @property {boolean|null} right whether its prediction is; null if that is not known
 * @property {string[]} labels names of the classes that are true of it
 * @property {string[]} predictions names of the classes that it is taken for
 *
 * @typedef {{outcome?: string, label?: string, text?: string}} WantedPictures what was chosen, "" for anything
 */

/**
 * @param {Shown[]} pictures
 * @returns {string[]} classes that are true of one of them, or of which one is taken for; as a person sorts them
 */
export function classesOf(pictures) {
  const all = new Set(pictures.flatMap(({ labels, predictions }) => [...labels, ...predictions]));
  return [...all].sort(byName);
}

/**
 * @param {Shown[]} pictures
 * @param {WantedPictures} wanted a class fits a picture that is of it, or is taken for it
 * @returns {number[]} places of the pictures that are wanted, in their order
 */
export function filterPictures(pictures, { outcome = "", label = "", text = "" }) {
  const names = pictures.map(({ name }, place) => ["", name, String(place)]);
  const named = text ? new Set(findNames(names, text).found.map(([, , place]) => Number(place))) : null;
  return pictures.flatMap(({ right, labels, predictions }, place) => {
    if (outcome === "right" && right !== true) return [];
    if (outcome === "wrong" && right !== false) return [];
    if (label && !labels.includes(label) && !predictions.includes(label)) return [];
    return !named || named.has(place) ? [place] : [];
  });
}
