/** Where TensorBoard starts the tab: it imports this module into an empty page and calls `render()`. */
import { App } from "./app.js";
import { httpSource } from "./model.js";
import { html, render as draw } from "./vendor/preact-htm.js";

/**
 * Draw the tab.
 * @param {{source?: import("./model.js").Source, root?: HTMLElement}} [options]
 *   another source of records, another place
 */
export async function render({ source = httpSource(), root = document.body } = {}) {
  document.documentElement.lang = "en";
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

/** @returns {Promise<void>} when the style sheet is there, so that nothing is drawn without it */
function addStyle() {
  if (document.querySelector("link[data-interp], style[data-interp]")) return Promise.resolve();
  return new Promise((resolve) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = new URL("style.css", import.meta.url).href;
    link.dataset.interp = "";
    link.onload = link.onerror = () => resolve();
    document.head.append(link);
  });
}
