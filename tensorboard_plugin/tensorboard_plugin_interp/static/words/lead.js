/** The first words of a section, with the "i" that tells more. */
import { html, useLayoutEffect, useRef, useState } from "../vendor/preact-htm.js";
import { ABOUT } from "./about.js";

/**
 * @param {{about?: string, children?: any}} props a line or two; `about` is the section whose "i" stands beside it
 */
export function Lead({ about, children }) {
  const [open, setOpen] = useState(false);
  const button = useRef(/** @type {any} */ (null));
  const panel = useRef(/** @type {any} */ (null));
  const close = () => {
    const inside = panel.current?.contains(document.activeElement);
    setOpen(false);
    if (inside) button.current?.focus();
  };
  useLayoutEffect(() => {
    if (!open) return undefined;
    const listen = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape" || document.activeElement?.closest(".panel")) return; // that one closes first
      event.stopPropagation();
      close();
    };
    document.addEventListener("keydown", listen, true);
    return () => document.removeEventListener("keydown", listen, true);
  }, [open]);
  const text = about && ABOUT[about];
  if (!text)
    return html`
      <p class="lead">${children}</p>
    `;
  const id = `about-${about}`;
  return html`
    <div class="lead-line">
      <p class="lead">${children}</p>
      <button
        ref=${button}
        class="about-button"
        aria-expanded=${open}
        aria-controls=${id}
        aria-label=${`About this section: ${text.title}`}
        title="What this shows, and how it can mislead"
        onClick=${() => setOpen(!open)}
      >
        <span aria-hidden="true">i</span>
      </button>
    </div>
    <section id=${id} ref=${panel} class="card about" hidden=${!open} aria-label=${`About ${text.title}`}>
      ${open && html`<${Text} text=${text} onClose=${close} />`}
    </section>
  `;
}

/** @param {{text: import("./about.js").About, onClose: () => void}} props */
function Text({ text, onClose }) {
  const parts = [
    ["What this shows", text.shows],
    ["How to read it", text.read],
    ["How it can mislead", text.misleads],
  ];
  return html`
    <button class="icon-button" onClick=${onClose} aria-label="Close" title="Close (Esc)">✕</button>
    ${parts.map(
      ([title, words]) => html`
        <h2>${title}</h2>
        <p>${words}</p>
      `,
    )}
    <h2>From</h2>
    <ul>
      ${text.origins.map(
        ({ cite, url }) => html`
          <li>
            <a href=${url} target="_blank" rel="noopener noreferrer">
              ${cite}
              <span class="spoken"> (opens in a new tab)</span>
            </a>
          </li>
        `,
      )}
    </ul>
  `;
}
