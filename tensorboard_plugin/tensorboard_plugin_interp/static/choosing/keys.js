/** Keys that work anywhere in the tab, except where a person types. */
import { useLayoutEffect, useRef } from "../vendor/preact-htm.js";

/**
 * @param {KeyboardEvent} event
 * @returns {boolean} whether the key belongs to what has the focus, or to the browser
 */
export function isTaken(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || event.isComposing) return true;
  if (document.querySelector("dialog[open]")) return true;
  const target = /** @type {HTMLInputElement} */ (event.target);
  if (target.tagName === "INPUT" && target.type === "range") return /^(Arrow|Home|End|Page)/.test(event.key);
  return /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) || target.isContentEditable;
}

/**
 * Do something when a key is pressed.
 * @param {Record<string, () => void>} actions by `event.key`; letters in lower case
 */
export function useKeys(actions) {
  const now = useRef(actions);
  now.current = actions;
  useLayoutEffect(() => {
    const listen = (/** @type {KeyboardEvent} */ event) => {
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      if (!Object.hasOwn(now.current, key) || isTaken(event)) return;
      event.preventDefault();
      now.current[key]();
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}
