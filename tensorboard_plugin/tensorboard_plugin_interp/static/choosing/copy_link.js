/**
 * The button that copies the address of what is shown.
 *
 * @import { Ctx } from "../model.js"
 */
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { useKeys } from "./keys.js";

const TOLD = 2000; // ms
const FAILED = "Not allowed here: copy the address from the browser";

/**
 * @param {string} text
 * @returns {Promise<boolean>} whether it is in the clipboard now; without https there is the old way only
 */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    const before = /** @type {HTMLElement|null} */ (document.activeElement);
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    before?.focus({ preventScroll: true });
    return copied;
  }
}

/**
 * @param {{ctx: Ctx, what: string, lead?: boolean}} props `what` the link leads to; the `lead` among several listens to
 *   its key
 */
export function CopyLink({ ctx, what, lead = false }) {
  const [told, setTold] = useState("");
  useEffect(() => {
    if (!told) return undefined;
    const timer = setTimeout(() => setTold(""), TOLD);
    return () => clearTimeout(timer);
  }, [told]);
  const run = async () => setTold((await copy(ctx.link())) ? "Copied" : FAILED);
  useKeys(lead ? { c: run } : {});
  if (!ctx.link()) return null;
  return html`
    <span class="copy-link">
      <button
        class="icon-button"
        onClick=${run}
        aria-label=${`Copy a link to ${what}`}
        title=${`Copy a link to ${what}${lead ? " (C)" : ""}`}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true" class="stroked">
          <path d="M6.5 9.5a3 3 0 0 0 4.2 0l2.4-2.4a3 3 0 0 0-4.2-4.2l-1 1M9.5 6.5a3 3 0 0 0-4.2 0L2.9 8.9a3 3 0 0 0 4.2 4.2l1-1" />
        </svg>
      </button>
      <span class=${told ? "copy-told" : ""} role="status">${told}</span>
    </span>
  `;
}
