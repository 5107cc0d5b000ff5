/** Lead to what a link is about, where it stands further down in its section: nobody shall have to look for it. */

const PATIENCE = 5000; // ms until it is there and what stands above it is drawn

/**
 * Scroll to what is marked with `data-reveal`, and give it the focus, as soon as nothing is on its way any more.
 * @param {string} name
 */
export function reveal(name) {
  const end = performance.now() + PATIENCE;
  const look = () => {
    const marked = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-reveal]")]);
    const found = marked.find((element) => element.dataset.reveal === name);
    const late = performance.now() > end;
    if (found && (late || !document.querySelector("main [aria-busy=true]"))) {
      found.scrollIntoView({ block: "start" });
      found.focus({ preventScroll: true });
    } else if (!late) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
