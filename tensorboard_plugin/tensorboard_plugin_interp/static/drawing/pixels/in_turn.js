/** What can be seen is drawn before the next frame; the rest of a long page a little later, while the browser has time. */

const MARGIN = 150; // pixels around what is in view, so that a page that is scrolled is there already
const AT_ONCE = 12; // canvases between two frames
const LATEST = 100; // ms that a browser may be busy otherwise

/** @type {Map<HTMLCanvasElement, () => void>} how to draw those whose turn has not come */
const waiting = new Map();
let gathering = false;
let planned = false;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {() => void} draw is called once; another one for the same canvas takes its place until then
 */
export function drawInTurn(canvas, draw) {
  waiting.set(canvas, draw);
  if (gathering) return;
  gathering = true;
  queueMicrotask(drawSeen); // when all of this change are known
}

/** @param {HTMLCanvasElement} canvas that has left the page */
export function leaveOut(canvas) {
  waiting.delete(canvas);
}

/** Draw all that waits: somebody wants to keep it. */
export function drawRest() {
  take([...waiting.keys()]);
}

/** @param {HTMLCanvasElement[]} some */
function take(some) {
  for (const canvas of some) {
    const draw = waiting.get(canvas);
    waiting.delete(canvas);
    draw?.();
  }
}

function drawSeen() {
  gathering = false;
  // All places are read before anything is drawn: a canvas of another size lets a browser lay out the page again.
  take([...waiting.keys()].filter(isNear));
  for (const canvas of waiting.keys()) canvas.setAttribute("aria-busy", "true");
  plan();
}

/** @param {HTMLCanvasElement} canvas @returns {boolean} */
function isNear(canvas) {
  const { top, bottom, left, right } = canvas.getBoundingClientRect();
  const [low, wide] = [window.innerHeight + MARGIN, window.innerWidth + MARGIN];
  return bottom > -MARGIN && top < low && right > -MARGIN && left < wide && bottom > top;
}

function plan() {
  if (planned || !waiting.size) return;
  planned = true;
  const go = () => {
    planned = false;
    take([...waiting.keys()].slice(0, AT_ONCE));
    plan();
  };
  // After a frame: what canvases were told is drawn at its end, so that a measure of time here would see nothing of it.
  requestAnimationFrame(() => ("requestIdleCallback" in window ? requestIdleCallback(go, { timeout: LATEST }) : setTimeout(go)));
}

if (typeof window !== "undefined") {
  const look = () => waiting.size && drawSeen();
  for (const name of ["scroll", "resize"]) window.addEventListener(name, look, { capture: true, passive: true });
  window.addEventListener("beforeprint", drawRest);
}
