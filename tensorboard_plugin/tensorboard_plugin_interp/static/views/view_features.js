/**
 * What each unit of a layer detects: pictures that excite it most, beside the probe pictures that do.
 *
 * @import { Ctx, LoadedSheet, ShownSeries } from "../model.js"
 * @import { Entry, FeaturesData, TabRecord, Unit } from "../records.js"
 */
import { html } from "../vendor/preact-htm.js";
import { ALL_UNITS, UnitTools, useUnits } from "../arranging/arrange_tools.js";
import { Paged } from "../arranging/paged.js";
import { isOk, isSame, shareOf } from "../arranging/unit_order.js";
import { BelowB } from "../comparing/two_pictures.js";
import { UnitLarge, UnitSides, UnitsTold, useUnitPairs } from "../comparing/unit_sides.js";
import { Cell } from "../drawing/canvas.js";
import { Direction, Legend } from "../drawing/direction.js";
import { className, namePicture, number, plural, whole } from "../format.js";
import { Histogram } from "../drawing/histogram.js";
import { useSeries, useSheet } from "../model.js";
import { SaveFilm } from "../saving/save_film.js";
import { Cards, Facts, Layers, Message, Term } from "../drawing/parts.js";

const LEAD =
  "Each picture was optimized to excite one unit. Where a probe picture excites it more, the part of that one which does " +
  "stands first, and the card says so. A click shows both.";
const LEAD_COMPARED =
  "Each picture was optimized to excite one unit. While comparing, these drawn pictures stand beside each other, also where " +
  "a probe picture excites the unit more. A click shows more.";
const GAIN =
  "How strongly the picture excites its unit, as a multiple of the most that any probe picture does. " +
  "The line in each bar is 1 ×.";
const FRAMES = 24; // pictures of a film; more steps are thinned out

/** @param {Unit} unit @returns {number} what the picture reaches over the probe's maximum; 0 if that is unknown */
const gain = (unit) => shareOf(unit) ?? 0;

/** @param {Unit} unit @returns {string} such as "2.4 ×" */
const gainText = (unit) => (shareOf(unit) === null ? "–" : `${number(gain(unit))} ×`);

/** What is listed of a unit. @type {[string, (unit: Unit) => string][]} */
const NUMBERS = [
  ["picture reaches", ({ activation }) => number(activation)],
  ["probe’s maximum", ({ probe_max: most }) => number(most)],
  ["probe’s mean", ({ probe_mean: mean }) => number(mean)],
  ["ratio", gainText],
];

/** @param {Unit} unit @returns {number|null} the cell of `crops` that stands first, if one does */
const firstCrop = (unit) => (unit.first === "crop" ? (unit.examples?.[0]?.crop ?? null) : null);

/** @param {{ctx: Ctx}} props */
export function Features({ ctx }) {
  return html`
    <${Layers}
      ctx=${ctx}
      kind="features"
      about="features"
      lead=${html`
        ${ctx.compared ? LEAD_COMPARED : LEAD}
        <${UnitTools} ctx=${ctx} />
      `}
      heading=${(/** @type {TabRecord<FeaturesData>} */ record) => html`
        <span class="quiet">
          ${plural((record.data.units ?? []).length, "unit")} · bars:${" "}
          <${Term} tip=${GAIN}>activation over the probe’s maximum<//>
        </span>
      `}
    >
      ${(/** @type {TabRecord} */ record, /** @type {ShownSeries} */ series) => html`
        <${ArrangedUnits} ctx=${ctx} series=${series} record=${record} />
      `}
    <//>
  `;
}

/** @param {{ctx: Ctx, series: ShownSeries, record: TabRecord<FeaturesData>}} props units that are wanted, in pages */
function ArrangedUnits({ ctx, series, record }) {
  const wanted = useUnits(ctx, series, record);
  return html`
    <${Paged} ctx=${ctx} place=${series.tag} what="unit" count=${wanted.length} total=${(record.data.units ?? []).length}
      all=${ALL_UNITS}>
      ${(/** @type {number} */ from, /** @type {number} */ to) => html`
        <${Grid} ctx=${ctx} tag=${series.tag} record=${record} wanted=${wanted.slice(from, to)} />
      `}
    <//>
  `;
}

/**
 * @param {{ctx: Ctx, tag: string, record: TabRecord<FeaturesData>, wanted?: Unit[], limit?: number}} props `wanted`: some of
 *   the units; else the first ones
 */
export function Grid({ ctx, tag, record, wanted, limit }) {
  const { pictures } = record.data;
  const sheet = useSheet(record, pictures);
  const crops = useSheet(record, record.data.crops);
  const { other, pairs, sheets, places } = useUnitPairs(ctx, record);
  const units = record.data.units ?? [];
  const most = units.reduce((top, unit) => Math.max(top, gain(unit)), 1); // of all pages: bars can be compared
  const cards = (wanted ?? units.slice(0, limit)).map((unit) => {
    const ok = isOk(unit);
    const text = gainText(unit);
    const label = `${text} the probe's maximum (the line)`;
    const pair = limit ? undefined : pairs.find(({ after }) => after === unit);
    const crop = pair ? null : firstCrop(unit);
    return {
      name: unit.name,
      key: `${unit.picture} ${unit.name}`,
      dim: !ok && !pair, // of a pair, each side for itself
      label: `${unit.name}: ${ok ? `reaches ${text} the probe's maximum` : unit.status}${crop === null ? "" : "; a probe picture is shown"}`,
      content: html`
        ${pair && html`<${UnitSides} pair=${pair} sheets=${sheets} places=${places} size=${120} />`}
        <${Direction}
          name=${unit.name}
          sheet=${crop === null ? sheet : crops}
          picture=${pair ? null : (crop ?? unit.picture)}
          size=${200}
          strength=${!limit && ok && { value: gain(unit), most, mark: 1, text: pair ? `B ${text}` : text, label }}
        >
          ${
            !limit &&
            !pair &&
            !ok &&
            html`
              <span class="unit-status">${unit.status}</span>
            `
          }
          ${
            !limit &&
            !pair &&
            (unit.caution || crop !== null) &&
            html`
              <span class="unit-caution">${[crop !== null && "Part of a probe picture", unit.caution].filter(Boolean).join(": ")}</span>
            `
          }
        <//>
        ${
          !limit &&
          crop === null &&
          unit.picture !== null &&
          Array.isArray(pictures?.legend) &&
          html`
            <${Legend} sheet=${pictures} index=${unit.picture} />
          `
        }
      `,
    };
  });
  return html`
    ${
      !limit &&
      html`
        <${UnitsTold} ctx=${ctx} record=${record} other=${other} pairs=${pairs} sheets=${sheets} places=${places} />
        <${Legend} sheet=${pictures} of="Pictures: " />
      `
    }
    <${Cards} ctx=${ctx} kind="features" tag=${tag} look="unit" grid=${limit ? "grid row" : pairs.length ? "versus-grid" : "grid"} cards=${cards} />
  `;
}

/**
 * @param {{ctx: Ctx, tag: string, name: string, series: ShownSeries, record: TabRecord<FeaturesData>}} props one
 *   unit in the side panel
 */
export function UnitDetail({ ctx, tag, name, series, record }) {
  const sheet = useSheet(record, record.data.pictures);
  const thumbnails = useSheet(record, record.data.probe?.thumbnails);
  const crops = useSheet(record, record.data.crops);
  const accents = useSheet(record, record.data.accentuated);
  const entries = useSeries(ctx.store, ctx.run, tag, series.steps);
  const all = record.data.units ?? [];
  const wanted = useUnits(ctx, series, record);
  const unit = all.find((candidate) => candidate.name === name);
  const { pairs, sheets, places } = useUnitPairs(ctx, record);
  const pair = pairs.find(({ after }) => after && after === unit);
  if (!unit)
    return html`
      <${Message}>${name} has no picture at this step.<//>
    `;
  const before = pair?.before;
  const { probe, class_names: names } = record.data;
  const units = wanted.includes(unit) ? wanted : all; // one that a link leads to may not be among those that are wanted
  const place = units.indexOf(unit);
  const neighbor = (/** @type {number} */ by) =>
    ctx.open("features", tag, units[(place + by + units.length) % units.length].name);
  const examples = (unit.examples ?? []).filter((example) => example.probe < (probe?.thumbnails?.count ?? 0));
  const cropped = examples.filter((example) => Number.isInteger(example.crop));
  const id = (/** @type {number} */ index) => namePicture(record.data, index);
  return html`
    <div class="panel-nav">
      <button class="button" onClick=${() => neighbor(-1)} aria-label="Previous unit">‹</button>
      <span class="quiet">${place + 1} of ${units.length}</span>
      <button class="button" onClick=${() => neighbor(1)} aria-label="Next unit">›</button>
    </div>
    ${pair && html`<${UnitLarge} ctx=${ctx} pair=${pair} sheets=${sheets} places=${places} />`}
    ${
      !pair &&
      unit.picture !== null &&
      html`
        <div class=${isOk(unit) ? "hero-picture" : "hero-picture dim"}>
          <${Cell} sheet=${sheet} index=${unit.picture} size=${368} label=${`What ${unit.name} looks for`} />
        </div>
        <${Legend} sheet=${record.data.pictures} index=${unit.picture} />
      `
    }
    ${
      !isOk(unit) &&
      unit.picture !== null &&
      html`
        <p class="note">This unit ${unit.status}${pair ? " in B" : ""}: do not read meaning into its picture.</p>
      `
    }
    ${
      unit.caution &&
      html`
        <p class="note">${pair ? "B: read" : "Read"} the examples below first: ${unit.caution}.</p>
      `
    }
    ${unit.path && html`<p class="quiet">${pair ? "B: " : ""}${unit.path.sentence}</p>`}
    <${Facts} facts=${NUMBERS.map(([name, say]) => [name, say(unit), undefined, before ? say(before) : pair && "–"])} />
    ${pair && html`<${BelowB} ctx=${ctx} record=${record} />`}
    ${
      unit.histogram &&
      html`
        <h3>Among the probe pictures</h3>
        <${Histogram} histogram=${unit.histogram} mark=${unit.activation ?? null} name=${unit.name} />
        <p class="quiet">Bars: how strongly probe pictures excite it. Line: how strongly the picture above does.</p>
      `
    }
    <${Thumbnails}
      title="Probe pictures that excite it most"
      sheet=${thumbnails}
      cells=${examples.map((example) => ({
        index: example.probe,
        title: id(example.probe),
        label: id(example.probe),
        caption: html`
          <b>${number(example.activation)}</b>
          ${probe?.labels ? ` ${className(names, probe.labels[example.probe])}` : ""}
        `,
      }))}
    />
    ${
      examples.length > 0 &&
      html`
        <${Legend} sheet=${probe?.thumbnails} />
      `
    }
    <${Thumbnails}
      title="The part of each that does"
      sheet=${crops}
      cells=${cropped.map((example) => ({
        index: example.crop,
        label: `Part of ${id(example.probe)}`,
      }))}
    />
    <${Thumbnails}
      title="The first picture, with what excites it made stronger"
      sheet=${accents}
      cells=${(unit.accentuated ? [unit.accentuated] : []).map(({ cell, probe: row, before: was, activation }) => ({
        index: cell,
        label: `${id(row)}, with what excites ${unit.name} made stronger`,
        caption: html`
          <b>${number(activation)}</b>
          ${` was ${number(was)}`}
        `,
      }))}
    />
    <${Film} ctx=${ctx} entries=${entries} unit=${unit} current=${record.step} />
  `;
}

/**
 * @param {{title: string, sheet: LoadedSheet|undefined,
 *   cells: {index: number, label: string, title?: string, caption?: any}[]}} props some cells of a sheet under a
 *   heading, if there are any
 */
function Thumbnails({ title, sheet, cells }) {
  if (!cells.length) return null;
  return html`
    <h3>${title}</h3>
    <ul class="thumbs">
      ${cells.map(
        (cell) => html`
          <li title=${cell.title}>
            <${Cell} sheet=${sheet} index=${cell.index} size=${84} label=${cell.label} />
            ${
              cell.caption &&
              html`
                <span>${cell.caption}</span>
              `
            }
          </li>
        `,
      )}
    </ul>
  `;
}

/** @param {{ctx: Ctx, entries: Entry<FeaturesData>[], unit: Unit, current: number}} props one unit over all steps */
function Film({ ctx, entries, unit, current }) {
  if (entries.length < 2 || unit.picture === null) return null;
  const shown = thin(entries, FRAMES, (entry) => entry.step === current);
  return html`
    <h3>
      Over
      training${
        shown.length < entries.length
          ? html`
              ${" "}
              <span class="quiet">${shown.length} of ${plural(entries.length, "step")}</span>
            `
          : ""
      }
    </h3>
    <${SaveFilm} entries=${entries} unit=${unit} />
    <ul class="thumbs film">
      ${shown.map(
        (entry) => html`
          <li key=${entry.step}>
            <${FilmFrame}
              entry=${entry}
              unit=${unit}
              current=${entry.step === current}
              onPick=${() => ctx.setStep(entry.step)}
            />
          </li>
        `,
      )}
    </ul>
  `;
}

/** @param {{entry: Entry<FeaturesData>, unit: Unit, current: boolean, onPick: () => void}} props */
function FilmFrame({ entry, unit, current, onPick }) {
  const sheet = useSheet(entry, entry.data.pictures);
  const found = (entry.data.units ?? []).find((candidate) => isSame(candidate, unit));
  return html`
    <button
      class="frame"
      aria-current=${current ? "step" : "false"}
      onClick=${onPick}
      aria-label=${`Go to step ${whole(entry.step)}`}
    >
      <${Cell}
        sheet=${sheet}
        index=${found?.picture ?? -1}
        size=${84}
        label=${`${unit.name} at step ${whole(entry.step)}${found ? "" : ": no picture"}`}
      />
      <span>${whole(entry.step)}</span>
    </button>
  `;
}

/**
 * Pick about `count` items evenly, with the first, the last and the one that is wanted.
 * @template T
 * @param {T[]} items @param {number} count @param {(item: T) => boolean} wanted @returns {T[]}
 */
function thin(items, count, wanted) {
  if (items.length <= count) return items;
  const kept = new Set(
    Array.from({ length: count }, (_, index) => Math.round((index * (items.length - 1)) / (count - 1))),
  );
  return items.filter((item, index) => kept.has(index) || wanted(item));
}
