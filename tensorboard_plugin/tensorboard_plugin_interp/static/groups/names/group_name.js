/**
 * The name of a group: what a person calls it, with a mark, or what the record does; a click, and it can be typed.
 *
 * @import { Ctx } from "../../model.js"
 * @import { Named } from "./given_names.js"
 */
import { html, useEffect, useRef, useState } from "../../vendor/preact-htm.js";

/**
 * @param {Named} group
 * @returns {string} what it is called without a person's name: as in the sentences of the record, which speak of it
 */
export const plainName = ({ name }) => name;

/** @param {{group: Named}} props the mark of a name that a person gave */
export function GivenMark({ group }) {
  const said = `A person gave this name to ${plainName(group)}`;
  return html`
    <svg class="given-mark" viewBox="0 0 16 16" role="img" aria-label=${said}>
      <title>${said}</title>
      <path d="M11.6 1.6l2.8 2.8-8.5 8.5-3.7.9.9-3.7z" />
    </svg>
  `;
}

/**
 * @param {Ctx} ctx
 * @param {string} layer
 * @param {Named[]} groups
 * @returns {string[]} what to call each
 */
export function namesOf(ctx, layer, groups) {
  const given = ctx.names.given(layer, groups);
  return groups.map((group, index) => given[index] ?? plainName(group));
}

/** @param {{ctx: Ctx, layer: string, groups: Named[], index: number}} props a name that can be clicked and typed */
export function GroupName({ ctx, layer, groups, index }) {
  const [typing, setTyping] = useState(false);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const input = useRef(/** @type {any} */ (null));
  const left = useRef(false); // an input that is taken away loses the focus, too: that is no second Enter
  const given = ctx.names.given(layer, groups)[index];
  const group = groups[index];
  const plain = plainName(group);
  const { readOnly, longest } = ctx.names;
  useEffect(() => {
    if (!typing) return;
    left.current = false;
    input.current.value = given ?? ""; // not by what is drawn: that would undo what is typed
    input.current.focus({ preventScroll: true });
    input.current.select();
  }, [typing]);
  const keep = async () => {
    if (left.current) return;
    left.current = true;
    const name = input.current.value.trim();
    if (name === (given ?? plain) || (!name && !given)) {
      setTyping(false);
      return;
    }
    setBusy(true);
    try {
      await ctx.names.keep(layer, groups, index, name === plain ? "" : name);
      setTyping(false);
      setError("");
    } catch (problem) {
      left.current = false;
      setError(/** @type {Error} */ (problem).message);
    } finally {
      setBusy(false);
    }
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    event.stopPropagation(); // arrows are those of the text, Escape leaves it
    if (event.key === "Enter") keep();
    else if (event.key === "Escape") {
      left.current = true;
      setTyping(false);
      setError("");
    }
  };
  if (readOnly !== null)
    return html`
      <span class="group-name" title=${readOnly}>${given ?? plain}${given && html`<${GivenMark} group=${group} />`}</span>
    `;
  return html`
    <span class="group-name">
      ${
        typing
          ? html`
              <input
                ref=${input}
                class="name-input"
                aria-label=${`Your name for ${plain}`}
                placeholder=${plain}
                maxlength=${longest}
                readonly=${busy}
                spellcheck="false"
                autocomplete="off"
                onKeyDown=${press}
                onBlur=${() => !error && keep()}
              />
            `
          : html`
              <button
                class="name-button"
                title=${given ? `Click to change it. Without your name it is ${plain}` : "Click to give it a name"}
                aria-label=${`${given ?? plain}${given ? ", a name that a person gave" : ""}: give it a name`}
                onClick=${() => setTyping(true)}
              >
                ${given ?? plain}${given && html`<${GivenMark} group=${group} />`}
              </button>
            `
      }
      ${
        error &&
        html`
          <span class="name-error" role="alert">${error}</span>
        `
      }
    </span>
  `;
}
