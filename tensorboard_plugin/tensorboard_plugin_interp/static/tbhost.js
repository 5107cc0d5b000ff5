/**
 * What the tab knows of the TensorBoard page around it: theme, reloads, visibility and the address bar.
 *
 * TensorBoard shows the tab in an iframe of its own origin. Everything here works without that page, too (in a report
 * or a test), and then says: light or dark as the browser prefers, never reloaded, always visible. A report that is a page
 * of its own has the address bar to itself.
 */

const NAME = "interpretability";
const PREFIX = `p.${NAME}.`;

/** @returns {Window|null} the page around us, if there is one that we may read */
function host() {
  try {
    return window.parent !== window && window.parent.document ? window.parent : null;
  } catch {
    return null;
  }
}

/** @returns {Window|null} our own page, where it is no part of another one */
function ownPage() {
  return window.parent === window ? window : null;
}

/**
 * Follow TensorBoard's own theme switch; `prefers-color-scheme` does not follow it.
 * @param {(dark: boolean) => void} tell called at once and on every change
 * @returns {() => void} stops following
 */
export function followTheme(tell) {
  const page = host();
  if (!page) {
    const query = window.matchMedia("(prefers-color-scheme: dark)");
    const listen = () => tell(query.matches);
    query.addEventListener("change", listen);
    listen();
    return () => query.removeEventListener("change", listen);
  }
  const look = () => tell(page.document.body.classList.contains("dark-mode"));
  const observer = new MutationObserver(look);
  observer.observe(page.document.body, { attributes: true, attributeFilter: ["class"] });
  look();
  return () => observer.disconnect();
}

/**
 * Hear of it when TensorBoard reloads its data (button or timer), through the messages of its experimental plugin API.
 * @param {() => void} tell
 * @returns {() => void} stops hearing
 */
export function onReload(tell) {
  const page = host();
  if (!page) return () => {};
  const channel = new MessageChannel();
  channel.port1.onmessage = (event) => {
    try {
      if (JSON.parse(event.data).type === "experimental.DataReloaded") tell();
    } catch {
      // not a message of this API
    }
  };
  page.postMessage("experimental.bootstrap", "*", [channel.port2]);
  return () => channel.port1.close();
}

/** @returns {boolean} false while another tab of TensorBoard is shown: it hides our iframe by giving it no height */
export function isVisible() {
  return window.innerHeight > 0 && !document.hidden;
}

/**
 * Read what the address bar says about this tab.
 * @returns {Record<string, string>}
 */
export function readLink() {
  const page = host() ?? ownPage();
  if (!page) return {};
  try {
    const parts = page.location.hash.slice(1).split("&");
    return Object.fromEntries(
      parts
        .filter((part) => part.startsWith(PREFIX) && part.includes("="))
        .map((part) => part.slice(PREFIX.length))
        .map((part) => [part.slice(0, part.indexOf("=")), decodeURIComponent(part.slice(part.indexOf("=") + 1))]),
    );
  } catch {
    return {}; // a link broken by hand
  }
}

/**
 * Hear of it when the address says something else than it did: by Back, Forward, or a person who writes into the bar.
 * @param {() => void} tell
 * @returns {() => void} stops hearing
 */
export function onLink(tell) {
  const page = host() ?? ownPage();
  if (!page) return () => {};
  const listen = () => ownHash(page) && tell();
  const events = ["popstate", "hashchange"];
  const stop = () => events.forEach((name) => page.removeEventListener(name, listen));
  events.forEach((name) => page.addEventListener(name, listen));
  window.addEventListener("pagehide", stop, { once: true }); // the page around us may stay
  return stop;
}

/** @param {Window} page @returns {boolean} whether the address is one of this tab: TensorBoard's begins with the name of a tab */
function ownHash(page) {
  return page === ownPage() || page.location.hash.slice(1).split("&")[0] === NAME;
}

/** @param {Record<string, string>} state @returns {string[]} the parts of an address that say it; empty values are left out */
function toParts(state) {
  return Object.entries(state)
    .filter(([, value]) => value !== "")
    .map(([key, value]) => `${PREFIX}${key}=${encodeURIComponent(value)}`);
}

/**
 * Write to the address bar what is shown, so that the link can be kept and shared.
 * @param {Record<string, string>} state empty values are left out
 * @param {boolean} entry whether Back shall lead to what the bar says now; else that is written over
 */
export function writeLink(state, entry) {
  const page = host() ?? ownPage();
  if (!page || !isVisible()) return;
  try {
    if (!ownHash(page)) return; // another tab is shown: its address is not ours to change
    const others = page.location.hash.slice(1).split("&").slice(1);
    const kept = others.filter((part) => part && !part.startsWith(PREFIX));
    const own = toParts(state);
    const hash = own.length || !ownPage() ? `#${[NAME, ...kept, ...own].join("&")}` : "#";
    if (hash === (page.location.hash || "#")) return;
    if (entry) page.history.pushState(page.history.state, "", hash);
    else page.history.replaceState(page.history.state, "", hash);
  } catch {
    // no access to the address: the tab works without links
  }
}

/** @param {Record<string, string>} state @returns {string} an address that leads to it from anywhere; "" if there is none */
export function linkTo(state) {
  const page = host() ?? ownPage();
  return page && ownHash(page) ? `${page.location.href.split("#")[0]}#${[NAME, ...toParts(state)].join("&")}` : "";
}
