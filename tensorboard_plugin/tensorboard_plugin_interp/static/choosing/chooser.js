/** A menu: the browser's own for few entries, one with a search for many. */
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact-htm.js";
import { groupByFolder, lineOf } from "../arranging/layer_tree.js";
import { Select } from "../drawing/parts.js";
import { whole } from "../format.js";
import { findNames } from "./found_names.js";

const FEW = 12; // entries that are seen at a glance
const PAGE = 100; // entries that are drawn at a time

/**
 * @typedef {object} Menu
 * @property {string} caption beside it
 * @property {string} label
 * @property {string} what the entries are, such as "runs"
 * @property {string} value
 * @property {string[][]} options each `[value, text]`
 * @property {[string, string[][]][]} [groups] further ones under a heading
 * @property {boolean} [tree] whether slashes in values are folders
 * @property {(value: string) => void} onChange
 */

/** @param {Menu} props */
export function Chooser({ caption, groups = [], ...menu }) {
  const all = [...menu.options, ...groups.flatMap(([, some]) => some)];
  if (all.length > FEW + 1)
    return html`
      <div class="choice">
        <span aria-hidden="true">${caption}</span>
        <${Searched} ...${menu} options=${all} />
      </div>
    `;
  const folders = menu.tree ? groupByFolder(menu.options.map(([value]) => value)) : null;
  const options = folders ? menu.options.filter(([value]) => folders.alone.includes(value)) : menu.options;
  return html`
    <label class="choice">
      <span>${caption}</span>
      <${Select} ...${menu} options=${options} groups=${folders?.groups ?? groups} />
    </label>
  `;
}

/** @param {Omit<Menu, "caption"|"groups">} props a button that opens a field and the list of what it finds */
function Searched({ label, what, value, options, tree, onChange }) {
  const [open, setOpen] = useState(false);
  const box = useRef(/** @type {any} */ (null));
  const button = useRef(/** @type {any} */ (null));
  useLayoutEffect(() => {
    if (!open) return undefined;
    const listen = (/** @type {Event} */ event) => !box.current.contains(event.target) && setOpen(false);
    document.addEventListener("pointerdown", listen);
    document.addEventListener("focusin", listen);
    return () => {
      document.removeEventListener("pointerdown", listen);
      document.removeEventListener("focusin", listen);
    };
  }, [open]);
  const leave = () => {
    setOpen(false);
    button.current.focus({ preventScroll: true });
  };
  const name = options.find(([key]) => key === value)?.[1] ?? value;
  return html`
    <div class="chooser" ref=${box}>
      <button
        ref=${button}
        class="chooser-button"
        aria-haspopup="listbox"
        aria-expanded=${open}
        aria-label=${`${label}: ${name}`}
        title=${name}
        onClick=${() => setOpen(!open)}
      >
        <span>${name}</span>
      </button>
      ${
        open &&
        html`
          <${Search}
            label=${label}
            what=${what}
            value=${value}
            options=${options}
            tree=${tree}
            onLeave=${leave}
            onChange=${(/** @type {string} */ next) => {
              leave();
              onChange(next);
            }}
          />
        `
      }
    </div>
  `;
}

/** @param {Omit<Menu, "caption"|"groups"> & {onLeave: () => void}} props */
function Search({ label, what, value, options, tree, onChange, onLeave }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(() => Math.max(0, options.findIndex(([key]) => key === value)));
  const input = useRef(/** @type {any} */ (null));
  const list = useRef(/** @type {any} */ (null));
  useLayoutEffect(() => input.current.focus({ preventScroll: true }), []);
  const { found, broken } = findNames(options, text);
  const place = Math.min(at, found.length - 1);
  const first = Math.floor(Math.max(0, place) / PAGE) * PAGE;
  const shown = found.slice(first, first + PAGE);
  useEffect(() => list.current.querySelector(".at")?.scrollIntoView({ block: "nearest" }), [place, text]);
  const id = `chooser-${label.replace(/\W+/g, "-").toLowerCase()}`;
  const press = (/** @type {KeyboardEvent} */ event) => {
    event.stopPropagation(); // keys are of this field, and not of what is below
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (by) setAt(Math.max(0, Math.min(found.length - 1, place + by)));
    else if (event.key === "Enter" && found[place]) onChange(found[place][0]);
    else if (event.key === "Escape") onLeave();
    else return;
    event.preventDefault();
  };
  return html`
    <div class="chooser-menu card" onKeyDown=${press}>
      <input
        ref=${input}
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls=${id}
        aria-autocomplete="list"
        aria-activedescendant=${found.length ? `${id}-${place}` : undefined}
        aria-label=${`Find ${what}`}
        placeholder=${`Find ${what} (regex)`}
        autocomplete="off"
        spellcheck=${false}
        value=${text}
        onInput=${(/** @type {any} */ event) => {
          setText(event.target.value);
          setAt(0);
        }}
      />
      <ul id=${id} ref=${list} role="listbox" aria-label=${label} onMouseDown=${(/** @type {Event} */ event) => event.preventDefault()}>
        ${shown.map(
          ([key, name], index) => html`
            ${tree && html`<${Headings} name=${key} before=${shown[index - 1]?.[0] ?? ""} />`}
            <li
              key=${key}
              style=${tree ? { "--depth": lineOf(key, "").depth } : undefined}
              aria-label=${tree ? name : undefined}
              id=${`${id}-${first + index}`}
              role="option"
              class=${first + index === place ? "at" : ""}
              aria-selected=${key === value}
              onClick=${() => onChange(key)}
            >
              ${tree && key ? lineOf(key, "").text : name}
            </li>
          `,
        )}
      </ul>
      <div class="chooser-foot">
        <span role="status">
          ${found.length === options.length ? "" : `${whole(found.length)} of `}${whole(options.length)} ${what}${
            broken ? ", looked for as written: no regular expression" : ""
          }
        </span>
        ${
          found.length > PAGE &&
          html`
            <span class="space" />
            <button class="link" disabled=${first === 0} onClick=${() => setAt(first - PAGE)} aria-label="Earlier ones">‹</button>
            <span>${whole(first + 1)} to ${whole(first + shown.length)}</span>
            <button class="link" disabled=${first + PAGE >= found.length} onClick=${() => setAt(first + PAGE)} aria-label="Later ones">
              ›
            </button>
          `
        }
      </div>
    </div>
  `;
}

/** @param {{name: string, before: string}} props folders that a name is in and the one above it is not; options have full names */
function Headings({ name, before }) {
  return lineOf(name, before).headings.map(
    ({ text, depth }) => html`
      <li key=${`${name} ${depth}`} class="folder" aria-hidden="true" style=${{ "--depth": depth }}>${text}/</li>
    `,
  );
}
