/** All keys of the tab, in a list that `?` and the button of that name show. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { useKeys } from "./keys.js";

/** Where they work -> keys and what they do. @type {[string, [string[], string][]][]} */
const KEYS = [
  [
    "Anywhere",
    [
      [["←", "→"], "one step back, one step on"],
      [["P"], "play over the steps, and pause"],
      [["1", "…", "6"], "Overview, Features, Groups, Decision, Dictionary, Concepts"],
      [["/"], "choose a run"],
      [["C"], "copy a link to what is shown"],
      [["Esc"], "close the side panel"],
      [["?"], "this list"],
    ],
  ],
  ["On the slider", [[["Home", "End"], "the first step, the last step"]]],
  [
    "In a menu with search",
    [
      [["↑", "↓", "Page ↑", "Page ↓"], "move in the list"],
      [["Enter"], "choose"],
      [["Esc"], "close the menu"],
    ],
  ],
  [
    "On a picture, a map or a row of positions",
    [
      [["←", "→", "↑", "↓"], "move to another position"],
      [["Enter", "Space"], "hold the position (Dictionary)"],
      [["Esc"], "let it go (Dictionary)"],
    ],
  ],
  ["On the switch “How many groups”", [[["←", "→", "↑", "↓"], "another number of groups"]]],
  [
    "In the name of a group",
    [
      [["Enter"], "keep the name"],
      [["Esc"], "leave it as it was"],
    ],
  ],
];

/** The button, and the list while it is open. */
export function KeysHelp() {
  const [open, setOpen] = useState(false);
  useKeys({ "?": () => setOpen(true) });
  return html`
    <button class="icon-button" onClick=${() => setOpen(true)} aria-label="Keys" title="Keys (?)">?</button>
    ${
      open &&
      html`
        <${Overlay} onClose=${() => setOpen(false)} />
      `
    }
  `;
}

/** @param {{onClose: () => void}} props */
function Overlay({ onClose }) {
  const ref = useRef(/** @type {any} */ (null));
  useEffect(() => ref.current.showModal(), []);
  const press = (/** @type {KeyboardEvent} */ event) => {
    event.stopPropagation(); // what is below keeps still
    if (event.key === "?") ref.current.close();
  };
  const click = (/** @type {MouseEvent} */ event) => event.target === ref.current && ref.current.close(); // beside the list
  return html`
    <dialog class="keys-help" ref=${ref} aria-label="Keys" onClose=${onClose} onKeyDown=${press} onClick=${click}>
      <div class="keys-body">
        <header>
          <h2>Keys</h2>
          <button class="icon-button" onClick=${() => ref.current.close()} aria-label="Close keys" title="Close (Esc)">✕</button>
        </header>
        ${KEYS.map(
          ([place, rows]) => html`
            <section key=${place}>
              <h3>${place}</h3>
              <dl>
                ${rows.map(
                  ([keys, what]) => html`
                    <div>
                      <dt>
                        ${keys.map((key) => (key === "…" ? " … " : html`<kbd>${key}</kbd>`))}
                      </dt>
                      <dd>${what}</dd>
                    </div>
                  `,
                )}
              </dl>
            </section>
          `,
        )}
        <p class="caption">Keys reach this tab after a click into it, and not while you type.</p>
      </div>
    </dialog>
  `;
}
