/** Names that a person gave to groups: kept in this browser, for each run. */
import { splitRun } from "../format.js";

const PREFIX = "tf-interp names ";

/** @param {string} run @returns {Record<string, string>} "layer: group" -> name */
export function readNames(run) {
  try {
    const names = JSON.parse(window.localStorage.getItem(PREFIX + splitRun(run).base) ?? "{}");
    return names && typeof names === "object" ? names : {};
  } catch {
    return {}; // no storage, or not ours
  }
}

/** @param {string} run @param {Record<string, string>} names those that are empty are forgotten */
export function keepNames(run, names) {
  const kept = Object.fromEntries(Object.entries(names).filter(([, name]) => name));
  try {
    window.localStorage.setItem(PREFIX + splitRun(run).base, JSON.stringify(kept));
  } catch {
    // no storage: the names last as long as the page
  }
}
