/** What each unit of a layer detects: pictures that excite it most, beside the probe pictures that do. */
import { html } from "../vendor/preact-htm.js";
import { Cell } from "../drawing/canvas.js";
import { className, number, plural, signed, whole } from "../format.js";
import { Histogram } from "../drawing/histogram.js";
import { stepAt, useRecord, useSeries, useSheet } from "../model.js";
import { Layer, Message, Meter, Term } from "../drawing/parts.js";

const GAIN =
  "How strongly the picture excites its unit, as a multiple of the most that any probe picture does. " +
  "The line in each bar is 1 ×.";
const FRAMES = 24; // pictures of a film; more steps are thinned out

/** @param {any} unit @returns {boolean} */
export const isOk = (unit) => unit.status === undefined || unit.status === null || unit.status === "ok";

/** @param {any} unit @returns {string} how far the picture goes beyond the probe, as "2.4 ×" */
function gain(unit) {
  return unit.probe_max > 0 && Number.isFinite(unit.activation ?? NaN)
    ? `${number(unit.activation / unit.probe_max)} ×`
    : "–";
}

/** @param {any} a @param {any} b @returns {boolean} whether both are the same unit, at two steps */
function isSame(a, b) {
  return a.name === b.name && (a.channel ?? null) === (b.channel ?? null);
}

/** @param {{ctx: any}} props */
export function Features({ ctx }) {
  return html`
    <p class="lead">
      Each picture was made from noise so that it excites one unit as much as possible: it shows what the unit looks
      for.
    </p>
    ${ctx.series.features.map(
      (series) => html`
        <${Layer}
          key=${series.tag}
          ctx=${ctx}
          series=${series}
          heading=${(record) => html`
            <span class="quiet">
              ${plural((record.data.units ?? []).length, "unit")} · bars:${" "}
              <${Term} tip=${GAIN}>activation over the probe’s maximum<//>
            </span>
          `}
        >
          ${(record) => html`
            <${Grid} ctx=${ctx} tag=${series.tag} record=${record} />
          `}
        <//>
      `,
    )}
  `;
}

/** @param {{ctx: any, tag: string, record: any, limit?: number}} props */
export function Grid({ ctx, tag, record, limit }) {
  const sheet = useSheet(record, record.data.pictures);
  const units = record.data.units ?? [];
  const most = Math.max(...units.map((unit) => (unit.probe_max > 0 ? (unit.activation ?? 0) / unit.probe_max : 0)), 1);
  return html`
    <ul class=${limit ? "grid row" : "grid"}>
      ${units.slice(0, limit).map((unit) => {
        const ok = isOk(unit);
        const key = unit.name;
        return html`
          <li key=${`${unit.picture} ${key}`}>
            <button
              class="card unit ${ok ? "" : "dim"}"
              aria-pressed=${ctx.isOpen("features", tag, key)}
              onClick=${() => ctx.open("features", tag, key)}
              aria-label=${`${unit.name}: ${ok ? `reaches ${gain(unit)} the probe's maximum` : unit.status}`}
            >
              <${Cell} sheet=${sheet} index=${unit.picture} size=${200} label=${`What ${unit.name} looks for`} />
              <span class="unit-name">${unit.name}</span>
              ${
                !limit &&
                (ok
                  ? html`
                      <span class="unit-gain">
                        <${Meter}
                          value=${unit.probe_max > 0 ? unit.activation / unit.probe_max : 0}
                          most=${most}
                          mark=${1}
                          label=${`${gain(unit)} the probe's maximum (the line)`}
                        />
                        <b>${gain(unit)}</b>
                      </span>
                    `
                  : html`
                      <span class="unit-status">${unit.status}</span>
                    `)
              }
            </button>
          </li>
        `;
      })}
    </ul>
  `;
}

/** @param {{ctx: any, tag: string, name: string, series: any}} props one unit in the side panel */
export function UnitDetail({ ctx, tag, name, series }) {
  const { record, error } = useRecord(ctx.store, ctx.run, tag, stepAt(series.steps, ctx.step));
  const sheet = useSheet(record, record?.data.pictures);
  const thumbnails = useSheet(record, record?.data.probe?.thumbnails);
  const crops = useSheet(record, record?.data.crops);
  const entries = useSeries(ctx.store, ctx.run, tag, series.steps);
  if (error)
    return html`
      <${Message} kind="error">${error}<//>
    `;
  if (!record)
    return html`
      <${Message}>Loading …<//>
    `;
  const units = record.data.units ?? [];
  const unit = units.find((candidate) => candidate.name === name);
  if (!unit)
    return html`
      <${Message}>${name} has no picture at this step.<//>
    `;
  const { probe, class_names: names } = record.data;
  const place = units.indexOf(unit);
  const neighbor = (by) => ctx.open("features", tag, units[(place + by + units.length) % units.length].name);
  const examples = (unit.examples ?? []).filter((example) => example.probe < (probe?.thumbnails?.count ?? 0));
  return html`
    <div class="panel-nav">
      <button class="button" onClick=${() => neighbor(-1)} aria-label="Previous unit">‹</button>
      <span class="quiet">${place + 1} of ${units.length}</span>
      <button class="button" onClick=${() => neighbor(1)} aria-label="Next unit">›</button>
    </div>
    <div class=${isOk(unit) ? "hero-picture" : "hero-picture dim"}>
      <${Cell} sheet=${sheet} index=${unit.picture} size=${368} label=${`What ${unit.name} looks for`} />
    </div>
    ${
      !isOk(unit) &&
      html`
        <p class="note">This unit ${unit.status}: do not read meaning into its picture.</p>
      `
    }
    <dl class="facts">
      <div>
        <dt>picture reaches</dt>
        <dd>${number(unit.activation)}</dd>
      </div>
      <div>
        <dt>probe’s maximum</dt>
        <dd>${number(unit.probe_max)}</dd>
      </div>
      <div>
        <dt>probe’s mean</dt>
        <dd>${signed(unit.probe_mean)}</dd>
      </div>
      <div>
        <dt>ratio</dt>
        <dd>${gain(unit)}</dd>
      </div>
    </dl>
    ${
      unit.histogram &&
      html`
        <h3>Among the probe pictures</h3>
        <${Histogram} histogram=${unit.histogram} mark=${unit.activation ?? null} name=${unit.name} />
        <p class="quiet">Bars: how strongly probe pictures excite it. Line: how strongly the picture above does.</p>
      `
    }
    ${
      examples.length > 0 &&
      html`
        <h3>Probe pictures that excite it most</h3>
        <ul class="thumbs">
          ${examples.map(
            (example) => html`
              <li title=${probe.ids?.[example.probe] ?? ""}>
                <${Cell}
                  sheet=${thumbnails}
                  index=${example.probe}
                  size=${84}
                  label=${`Probe picture ${probe.ids?.[example.probe] ?? example.probe}`}
                />
                <span>
                  <b>${number(example.activation)}</b>
                  ${probe.labels ? ` ${className(names, probe.labels[example.probe])}` : ""}
                </span>
              </li>
            `,
          )}
        </ul>
      `
    }
    ${
      examples.some((example) => Number.isInteger(example.crop)) &&
      html`
        <h3>The part of each that does</h3>
        <ul class="thumbs">
          ${examples.map(
            (example) => html`
              <li>
                <${Cell}
                  sheet=${crops}
                  index=${example.crop}
                  size=${84}
                  label=${`Part of probe picture ${probe.ids?.[example.probe] ?? example.probe}`}
                />
              </li>
            `,
          )}
        </ul>
      `
    }
    <${Film} ctx=${ctx} entries=${entries} unit=${unit} current=${record.step} />
  `;
}

/** @param {{ctx: any, entries: any[], unit: any, current: number}} props one unit over all steps */
function Film({ ctx, entries, unit, current }) {
  if (entries.length < 2) return null;
  const shown = thin(entries, FRAMES, (entry) => entry.step === current);
  return html`
    <h3>
      Over
      training${
        shown.length < entries.length
          ? html`
              ${" "}
              <span class="quiet">${shown.length} of ${entries.length} steps</span>
            `
          : ""
      }
    </h3>
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

/** @param {{entry: any, unit: any, current: boolean, onPick: () => void}} props */
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
export function thin(items, count, wanted) {
  if (items.length <= count) return items;
  const kept = new Set(
    Array.from({ length: count }, (_, index) => Math.round((index * (items.length - 1)) / (count - 1))),
  );
  return items.filter((item, index) => kept.has(index) || wanted(item));
}
