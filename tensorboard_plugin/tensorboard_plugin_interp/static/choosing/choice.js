/**
 * What a person has chosen: one state for all views. The address says it, and Back and Forward walk through it.
 *
 * Each choice is an entry of the browser's history. Moving over the steps is not: it changes the entry that is there, once
 * the slider rests.
 */
import { useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { onLink, readLink, writeLink } from "../tbhost.js";

const REST = 300; // ms without another step until the address says which one is shown

/** "" is what nobody has chosen. @type {Record<string, string>} */
const NOTHING = {
  run: "",
  layer: "",
  section: "overview",
  step: "",
  item: "",
  picture: "",
  target: "",
  against: "",
  node: "",
  pins: "",
  beside: "",
  off: "",
  k: "",
  versus: "",
  at: "",
  flips: "",
  look: "",
  wipe: "",
  group: "",
  contrast: "",
  unit_order: "",
  unit_state: "",
  unit_text: "",
  group_order: "",
  group_text: "",
  outcome: "",
  label: "",
  picture_text: "",
  pages: "",
};

/** @typedef {(part: Record<string, string>, entry?: boolean) => void} Change `entry`: whether Back undoes it */

/** @returns {[Record<string, string>, Change]} what is chosen, and how to choose something else */
export function useChoice() {
  const [choice, setChoice] = useState(read);
  const now = useRef(choice); // what is chosen, before it is drawn
  const timer = useRef(0);
  const show = (/** @type {Record<string, string>} */ next) => {
    now.current = next;
    setChoice(next);
  };
  const write = (/** @type {boolean} */ entry) => {
    timer.current = 0;
    writeLink(toLink(now.current), entry);
  };
  useEffect(
    () =>
      onLink(() => {
        const next = read();
        clearTimeout(timer.current);
        timer.current = 0;
        if (changed(now.current, next).length) show(next);
      }),
    [],
  );
  const change = useRef(
    /** @type {Change} */ (part, entry) => {
      const next = { ...now.current, ...part };
      const keys = changed(now.current, next);
      if (!keys.length) return;
      const slides = keys.length === 1 && keys[0] === "step";
      const isEntry = entry ?? !slides;
      const waits = timer.current !== 0;
      clearTimeout(timer.current);
      if (isEntry && waits) write(false); // the entry that is left says at which step
      show(next);
      if (slides && !isEntry) timer.current = setTimeout(() => write(false), REST);
      else write(isEntry);
    },
  ).current;
  return [choice, change];
}

/** @returns {Record<string, string>} what the address says */
function read() {
  return { ...NOTHING, ...readLink() };
}

/** @param {Record<string, string>} one @param {Record<string, string>} other @returns {string[]} what differs */
function changed(one, other) {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].filter((key) => (one[key] ?? "") !== (other[key] ?? ""));
}

/** @param {Record<string, string>} choice @returns {Record<string, string>} as the address says it */
export function toLink(choice) {
  return { ...choice, section: choice.section === NOTHING.section ? "" : choice.section };
}
