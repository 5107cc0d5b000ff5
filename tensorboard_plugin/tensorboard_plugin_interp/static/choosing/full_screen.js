/** The view, or the side panel, over the whole screen, where the host of the tab allows it. */
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { useKeys } from "./keys.js";

/** @returns {boolean} whether this page may fill the screen: one inside another page needs to be allowed to */
export const canFill = () => Boolean(document.fullscreenEnabled);

/** Fill the screen, or leave it. @param {Element|null} element */
function toggle(element) {
  const done = document.fullscreenElement ? document.exitFullscreen() : element?.requestFullscreen();
  done?.catch(() => {}); // the browser has its reasons, and says them itself
}

/** @returns {Element} the side panel if it has the focus, else the whole tab */
const filled = () => document.activeElement?.closest(".panel") ?? document.documentElement;

/** @param {{of?: string, what: string}} props `of`: selector of what is around the button; none: the whole tab, and the key */
export function FullScreen({ of, what }) {
  const [full, setFull] = useState(false);
  useKeys(of ? {} : { f: () => canFill() && toggle(filled()) });
  useEffect(() => {
    const listen = () => setFull(Boolean(document.fullscreenElement));
    document.addEventListener("fullscreenchange", listen);
    return () => document.removeEventListener("fullscreenchange", listen);
  }, []);
  if (!canFill()) return null;
  const label = full ? "Leave full screen" : `${what} in full screen`;
  return html`
    <button
      class="icon-button"
      aria-label=${label}
      title=${`${label} (F)`}
      onClick=${(/** @type {any} */ event) => toggle(of ? event.currentTarget.closest(of) : document.documentElement)}
    >
      <svg viewBox="0 0 16 16" aria-hidden="true" class="stroked">
        <path d=${full ? "M6 2.5V6H2.5M10 2.5V6h3.5M6 13.5V10H2.5M10 13.5V10h3.5" : "M2.5 6V2.5H6M10 2.5h3.5V6M2.5 10v3.5H6M10 13.5h3.5V10"} />
      </svg>
    </button>
  `;
}
