/**
 * A button that saves one thing alone, such as a card: there while it is pointed at or has the focus, and always where nothing
 * can be pointed at. It is made only then: a page may have a thousand cards.
 */
import { html, useState } from "../vendor/preact-htm.js";
import { Save } from "./save_menu.js";

/** @returns {boolean} whether a pointer can be held over something: a finger cannot */
const canHover = () => window.matchMedia("(hover: hover)").matches;

/** @returns {[boolean, Record<string, (event: any) => void>]} whether a thing is at hand, and what its element listens to */
export function useNear() {
  const [near, setNear] = useState(() => !canHover());
  const leave = (/** @type {Element} */ element, /** @type {Element|null} */ focused) =>
    canHover() && !element.contains(focused) && !element.matches(":hover") && setNear(false);
  return [
    near,
    {
      onPointerEnter: () => setNear(true),
      onPointerLeave: ({ currentTarget }) => leave(currentTarget, document.activeElement),
      onfocusin: () => setNear(true),
      onfocusout: ({ currentTarget, relatedTarget }) => leave(currentTarget, relatedTarget),
    },
  ];
}

/** @param {{near: boolean, what: string, scope: string}} props as of `Save`; nothing while the thing is not at hand */
export function SaveNear({ near, what, scope }) {
  return (
    near &&
    html`
      <span class="save-near"><${Save} what=${what} scope=${scope} /></span>
    `
  );
}
