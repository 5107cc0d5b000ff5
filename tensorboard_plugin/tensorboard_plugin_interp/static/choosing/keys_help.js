/** All keys of the tab, in a list that `?` and the button of that name show. */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { canFill } from "./full_screen.js";
import { useKeys } from "./keys.js";

/**
 * @param {string[]} sections by name
 * @returns {[string, [string[], string][]][]} where they work, and there keys and what they do
 */
const keysOf = (sections) => [
  [
    "Anywhere",
    [
      [["←", "→"], "one step back, one step on"],
      [["P"], "play over the steps, and pause"],
      [["1", "…", String(sections.length)], sections.join(", ")],
      [["/"], "choose a run"],
      [["V"], "compare with another run or step"],
      [["B"], "exchange the two that are compared"],
      [["C"], "copy a link to what is shown"],
      .../** @type {[string[], string][]} */ (canFill() ? [[["F"], "full screen: the side panel if it has the focus, else the tab"]] : []),
      [["Esc"], "close the side panel"],
      [["?"], "this list"],
    ],
  ],
  ["On the slider", [[["Home", "End"], "the first step, the last step"]]],
  [
    "On two pictures of which one is wiped over the other",
    [
      [["←", "→"], "move the edge"],
      [["Home", "End"], "B alone, A alone"],
    ],
  ],
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
  [
    "In a menu of what can be saved",
    [
      [["↑", "↓", "Home", "End"], "move in the list"],
      [["Enter"], "save"],
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

/** @param {{sections: string[]}} props the button, and the list while it is open */
export function KeysHelp({ sections }) {
  const [open, setOpen] = useState(false);
  useKeys({ "?": () => setOpen(true) });
  return html`
    <button class="icon-button" onClick=${() => setOpen(true)} aria-label="Keys" title="Keys (?)">?</button>
    ${
      open &&
      html`
        <${Overlay} sections=${sections} onClose=${() => setOpen(false)} />
      `
    }
  `;
}

/** @param {{sections: string[], onClose: () => void}} props */
function Overlay({ sections, onClose }) {
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
        <div class="keys-head">
          <h2>Keys</h2>
          <button class="icon-button" onClick=${() => ref.current.close()} aria-label="Close keys" title="Close (Esc)">✕</button>
        </div>
        ${keysOf(sections).map(
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
