/**
 * The button that saves what is beside it: pictures, charts, tables, and the record behind.
 *
 * @import { TabRecord } from "../records.js"
 * @typedef {{text: string, what: string, save: () => unknown}} Item `what` tells one from another
 */
import { html, useLayoutEffect, useRef, useState } from "../vendor/preact-htm.js";
import { drawRest } from "../drawing/pixels/in_turn.js";
import { runName, whole } from "../format.js";
import { download, pngOf, pngOfSvg, readTable, svgOf } from "./drawings.js";
import { fileName } from "./file_names.js";
import { jsonOf, tableOf } from "./record_tables.js";
import { csvOf, valueOf } from "./table_text.js";

const CSV = "text/csv;charset=utf-8";
const PNG = "image/png";
const EDGE = 8; // pixels that a menu keeps from the edge of the page

/** @param {Element} element @returns {{run?: string, layer?: string, step?: number}} what it is part of */
function placeOf(element) {
  return JSON.parse(element.closest("[data-of]")?.getAttribute("data-of") ?? "{}");
}

/** @param {Element} element @returns {string} in words, where it is from */
function sourceOf(element) {
  const { run, layer, step } = placeOf(element);
  return [run && `run ${runName(run)}`, layer, Number.isInteger(step) && `step ${whole(step)}`].filter(Boolean).join(", ");
}

/** @param {string} run @param {string} layer @param {number|null} step @returns {string} for `data-of` */
export const tellPlace = (run, layer, step) => JSON.stringify({ run, layer, step });

/**
 * @param {Element} element
 * @param {string} thing
 * @param {string} ending
 * @returns {string} a name made of run, layer, thing and step
 */
export function nameFile(element, thing, ending) {
  const { run, layer, step } = placeOf(element);
  return fileName([run === undefined ? "" : runName(run), layer, thing, step === undefined ? "" : `step-${step}`], ending);
}

/**
 * @param {Element} scope
 * @returns {Item[]} each chart, table and picture in it that has a name; what stands in a menu or in nothing is left out
 */
function find(scope) {
  const named = (/** @type {string} */ what) =>
    [...scope.querySelectorAll(what)].filter((one) => one.getAttribute("aria-label") && one.getClientRects().length);
  // What is read aloud may be a whole sentence; where it is, a short name stands beside it.
  const label = (/** @type {Element} */ one) => one.getAttribute("data-name") || (one.getAttribute("aria-label") ?? "");
  const charts = /** @type {SVGSVGElement[]} */ (named("svg[role=img]:not(.given-mark)"));
  const tables = /** @type {HTMLTableElement[]} */ ([...scope.querySelectorAll("table")]);
  const pictures = /** @type {HTMLCanvasElement[]} */ (named("canvas[role=img]:not(.absent):not(.waiting)"));
  return [
    ...charts.flatMap((chart) => [
      {
        text: "SVG",
        what: label(chart),
        save: () => download(new Blob([svgOf(chart, sourceOf(chart)).text], { type: "image/svg+xml" }), nameFile(chart, label(chart), "svg")),
      },
      { text: "PNG", what: label(chart), save: async () => {
          const name = nameFile(chart, label(chart), "png");
          download(new Blob([await pngOfSvg(chart, sourceOf(chart))], { type: PNG }), name);
        } },
    ]),
    ...tables.map((table) => ({
      text: "CSV",
      what: table.caption?.innerText || table.getAttribute("aria-label") || "table",
      save: () => {
        const { header, rows } = readTable(table);
        const text = csvOf({ header, rows: rows.map((row) => row.map(valueOf)) });
        download(new Blob([text], { type: CSV }), nameFile(table, table.caption?.innerText || "table", "csv"));
      },
    })),
    ...pictures.map((canvas) => ({
      text: "PNG",
      what: label(canvas),
      save: () => {
        drawRest();
        download(new Blob([pngOf(canvas)], { type: PNG }), nameFile(canvas, label(canvas), "png"));
      },
    })),
  ];
}

/** @param {Element} scope @param {TabRecord<any>|undefined} record @returns {Item[]} */
function itemsOf(scope, record) {
  const table = record && tableOf(record);
  return [
    ...(table
      ? [{ text: "CSV", what: `all ${record.kind}, as numbers`,
           save: () => download(new Blob([csvOf(table)], { type: CSV }), nameFile(scope, record.kind, "csv")) }]
      : []),
    ...(record
      ? [{ text: "JSON", what: "the record behind this",
           save: () => download(new Blob([jsonOf(record)], { type: "application/json" }), nameFile(scope, record.kind, "json")) }]
      : []),
    ...find(scope),
  ];
}

/**
 * @param {{what: string, scope: string, record?: TabRecord<any>, further?: Item[]}} props `scope`: selector of what is around
 *   the button and saved; `further` items come first
 */
export function Save({ what, scope, record, further = [] }) {
  const [items, setItems] = useState(/** @type {Item[]|null} */ (null));
  const [problem, setProblem] = useState("");
  const box = useRef(/** @type {any} */ (null));
  const leave = () => {
    setItems(null);
    box.current?.querySelector("button").focus({ preventScroll: true });
  };
  const open = () => {
    setProblem("");
    if (items) return setItems(null);
    const around = box.current.closest(scope);
    const found = [...further, ...(around ? itemsOf(around, record) : [])];
    if (found.length) setItems(found);
    else setProblem("Nothing here can be saved: its picture is not there");
  };
  useLayoutEffect(() => {
    if (!items) return undefined;
    const menu = box.current.querySelector("[role=menu]");
    const { left } = menu.getBoundingClientRect();
    if (left < EDGE) menu.style.right = `${parseFloat(getComputedStyle(menu).right) + left - EDGE}px`; // a card at the left
    menu.querySelector("[role=menuitem]")?.focus({ preventScroll: true });
    const listen = (/** @type {Event} */ event) => !box.current.contains(event.target) && setItems(null);
    document.addEventListener("pointerdown", listen);
    return () => document.removeEventListener("pointerdown", listen);
  }, [Boolean(items)]);
  const press = (/** @type {KeyboardEvent} */ event) => {
    if (!items) return;
    const all = [...box.current.querySelectorAll("[role=menuitem]")];
    const at = all.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Tab") return setItems(null);
    if (event.key === "Escape") leave();
    else if (next !== undefined) all[next % all.length]?.focus();
    else if (event.key.length !== 1) return; // Enter and Space are of the button; letters must not reach the tab's keys
    if (event.key !== " ") event.preventDefault();
    event.stopPropagation();
  };
  const run = async (/** @type {Item} */ item) => {
    leave();
    try {
      await item.save();
    } catch (error) {
      setProblem(`Not saved: ${/** @type {Error} */ (error).message}`);
    }
  };
  return html`
    <span class="save" ref=${box} onKeyDown=${press}>
      <button class="icon-button" aria-haspopup="menu" aria-expanded=${Boolean(items)} aria-label=${`Save ${what}`}
        title=${`Save ${what}`} onClick=${open}>
        <svg viewBox="0 0 16 16" aria-hidden="true" class="stroked"><path d="M8 2.5v7M4.8 6.6 8 9.8l3.2-3.2M3 12.8h10" /></svg>
      </button>
      ${
        items &&
        html`
          <div class="card save-menu" role="menu" aria-label=${`Save ${what}`}>
            ${items.map(
              (item, place) => html`
                <button key=${place} role="menuitem" tabindex=${place ? -1 : 0} onClick=${() => run(item)}>
                  <b>${item.text}</b>${" "}
                  <span>${item.what}</span>
                </button>
              `,
            )}
          </div>
        `
      }
      <span class=${problem ? "save-problem" : ""} role="status">${problem}</span>
    </span>
  `;
}
