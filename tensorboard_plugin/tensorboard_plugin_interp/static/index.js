/** Where TensorBoard starts the tab: it imports this module into an empty page and calls `render()`. */
import { App } from "./app.js";
import { httpSource } from "./http_source.js";
import { html, render as draw } from "./vendor/preact-htm.js";

const STYLES = [
  "style.css",
  "choosing/choosing.css",
  "arranging/arranging.css",
  "comparing/comparing.css",
  "saving/saving.css",
  "drawing/class_bars.css",
  "groups/groups.css",
  "groups/comparison/comparison.css",
  "decision/decision.css",
  "dictionary/dictionary.css",
  "findings/findings.css",
  "words/words.css",
];

/**
 * Draw the tab.
 * @param {{source?: import("./model.js").Source, root?: HTMLElement}} [options]
 *   another source of records, another place
 */
export async function render({ source = httpSource(), root = document.body } = {}) {
  document.documentElement.lang = "en";
  document.title ||= "Interpretability"; // a report has its own
  await addStyle();
  const place = document.createElement("div");
  place.className = "interp";
  root.append(place);
  draw(
    html`
      <${App} source=${source} />
    `,
    place,
  );
}

/** @returns {Promise<unknown>} when the style sheets are there, so that nothing is drawn without them */
function addStyle() {
  if (document.querySelector("link[data-interp], style[data-interp]")) return Promise.resolve();
  return Promise.all(
    STYLES.map(
      (name) =>
        new Promise((resolve) => {
          const link = document.createElement("link");
          link.rel = "stylesheet";
          link.href = new URL(name, import.meta.url).href;
          link.dataset.interp = "";
          link.onload = link.onerror = resolve;
          document.head.append(link);
        }),
    ),
  );
}
