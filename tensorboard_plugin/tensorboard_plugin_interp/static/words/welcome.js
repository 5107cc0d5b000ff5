/** What somebody who opens the tab for the first time is told, once. */
import { html, useState } from "../vendor/preact-htm.js";

const KEY = "tf-interp.welcome"; // in the browser's own memory
const CLOSED = "closed";

/** @returns {boolean} whether it was closed before; where a browser remembers nothing, it was not */
function wasClosed() {
  try {
    return localStorage.getItem(KEY) === CLOSED;
  } catch {
    return false;
  }
}

/** @param {{several: boolean}} props `several`: whether there is more than one step */
export function Welcome({ several }) {
  const [closed, setClosed] = useState(wasClosed);
  if (closed) return null;
  const close = () => {
    try {
      localStorage.setItem(KEY, CLOSED);
    } catch {
      // it comes again next time
    }
    setClosed(true);
    /** @type {HTMLElement|null} */ (document.querySelector(".about-button"))?.focus();
  };
  return html`
    <section class="card tile full welcome" aria-label="New here">
      <ul>
        <li>
          ${
            several
              ? html`
                  <b>The slider</b>
                  ${" "} at the top goes through the training: all that you see is of the chosen step.
                `
              : html`
                  <b>One look</b>
                  ${" "} at the network is all that is recorded so far; with several, a slider goes through the training.
                `
          }
        </li>
        <li>
          <b>The sections</b>
          ${" "} at the top go into detail; a click on a picture, a group or a test opens it.
        </li>
        <li>
          <b>The i</b>
          ${" "} at the top of each section says how to read it, and how it can mislead.
        </li>
      </ul>
      <button class="button" onClick=${close}>Got it</button>
    </section>
  `;
}
