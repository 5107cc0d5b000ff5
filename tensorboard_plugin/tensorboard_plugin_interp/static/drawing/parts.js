/**
 * Small pieces that several views use.
 *
 * @import { Ctx, ShownSeries } from "../model.js"
 * @import { Probe, TabRecord } from "../records.js"
 */
import { html, useEffect, useErrorBoundary, useLayoutEffect, useRef, useState } from "../vendor/preact-htm.js";
import { coordinate, number, percent, plural, signed, whole } from "../format.js";
import { stepAt, useRecord } from "../model.js";
import { Lead } from "../words/lead.js";
import { Save, tellPlace } from "../saving/save_menu.js";
import { SaveNear, useNear } from "../saving/save_near.js";
import { Made } from "../words/made.js";

/** @param {{kind?: string, children?: any}} props a sentence in place of something that is not there */
export function Message({ kind = "plain", children }) {
  return html`
    <p class="message ${kind}" role=${kind === "error" ? "alert" : "status"}>${children}</p>
  `;
}

/** @param {{error: any}} props what stands for a record that is on its way, or did not come */
export function Awaited({ error }) {
  return html`
    <${Message} kind=${error ? "error" : "plain"}>${error || "Loading …"}<//>
  `;
}

/** @param {{tip: string, children?: any}} props a word with an explanation that shows on hover and focus */
export function Term({ tip, children }) {
  const [at, setAt] = useState(/** @type {any} */ (null));
  const show = (/** @type {{currentTarget: Element}} */ event) => {
    const { left, top, bottom } = event.currentTarget.getBoundingClientRect();
    const low = bottom > window.innerHeight - 110; // no room below
    setAt({
      left: `${Math.max(8, Math.min(left, window.innerWidth - 300))}px`,
      ...(low ? { bottom: `${window.innerHeight - top + 6}px` } : { top: `${bottom + 6}px` }),
    });
  };
  const hide = () => setAt(null);
  return html`
    <span class="term" tabindex="0" onPointerEnter=${show} onPointerLeave=${hide} onFocus=${show} onBlur=${hide}>
      ${children}
      <span class=${at ? "tip" : "unseen"} role="tooltip" style=${at ?? {}}>${tip}</span>
    </span>
  `;
}

/** @param {{layer: string}} props a path whose last part leads; it may break after each slash */
export function LayerName({ layer }) {
  const parts = layer.split("/");
  const name = parts.pop();
  return html`
    ${parts.map(
      (part) => html`
        <span class="quiet">${part}/</span>
        <wbr />
      `,
    )}${name}
  `;
}

/**
 * A section: a few words, and below them every layer that has records of a kind.
 * @param {{ctx: Ctx, kind: string, about?: string, lead: any, heading: (record: TabRecord<any>) => any,
 *   children: (record: TabRecord<any>, series: ShownSeries) => any}} props `about`: the section that the words are of
 */
export function Layers({ ctx, kind, about, lead, heading, children }) {
  return html`
    <${Lead} about=${about}>${lead}<//>
    ${ctx.series[kind].map(
      (series) => html`
        <${Layer} key=${series.tag} ctx=${ctx} series=${series} heading=${heading}>
          ${(/** @type {TabRecord<any>} */ record) => children(record, series)}
        <//>
      `,
    )}
  `;
}

/**
 * The record of one layer at the step of the slider, with its heading and what to say while there is none.
 * @param {{ctx: Ctx, series: ShownSeries, title?: string, heading?: (record: TabRecord<any>) => any,
 *   children: (record: TabRecord<any>) => any}} props `title` stands for the layer's name
 */
export function Layer({ ctx, series, title, heading, children }) {
  const step = stepAt(series.steps, ctx.step);
  const { record, error, stale } = useRecord(ctx.store, ctx.run, series.tag, step);
  return html`
    <section
      class="layer"
      aria-busy=${stale}
      aria-label=${title ?? `Layer ${series.layer}`}
      data-of=${tellPlace(ctx.run, series.layer, record?.step ?? ctx.step)}
    >
      <header class="layer-head">
        <h2>
          ${
            title ??
            html`
              <${LayerName} layer=${series.layer} />
            `
          }
        </h2>
        ${record && heading?.(record)}
        ${
          step !== null &&
          step !== ctx.step &&
          html`
            <span class="badge" title="This layer has no record at the step of the slider">
              from step ${whole(step)}
            </span>
          `
        }
        ${
          record &&
          html`
            <${Save} what=${`${title ?? series.layer}: pictures, charts, numbers`} scope=".layer" record=${record} />
          `
        }
      </header>
      ${
        step === null
          ? html`
              <${Message}>Nothing was recorded for ${series.layer} before step ${whole(series.steps[0])}.<//>
            `
          : error
            ? html`
                <${Message} kind="error">${error}<//>
              `
            : record
              ? html`
                  <${Guard}
                    record=${record}
                    draw=${() => html`
                      ${children(record)}
                      <${Made} record=${record} />
                    `}
                  />
                `
              : html`
                  <${Message}>Loading ${series.layer} …<//>
                `
      }
    </section>
  `;
}

/** @param {{record: TabRecord, draw: () => any}} props keeps one that cannot be drawn from taking the tab with it */
export function Guard({ record, draw }) {
  const [error, reset] = useErrorBoundary();
  useEffect(() => error && reset(), [record]); // the next one may be fine
  return error
    ? html`
        <${Message} kind="error">This record cannot be shown: ${error.message}.<//>
      `
    : html`
        <${Draw} draw=${draw} />
      `;
}

/** @param {{draw: () => any}} props */
const Draw = ({ draw }) => draw();

/**
 * Names and values; a name may have an explanation.
 * @param {{facts: (any[]|false|null|undefined)[]}} props each `[name, value, tip, other]`, where `other` is the value of A
 *   if two sides are compared; what is not a list is left out
 */
export function Facts({ facts }) {
  return html`
    <dl class="facts">
      ${facts.filter(Array.isArray).map(
        ([name, value, tip, other]) => html`
          <div>
            <dt>
              ${
                tip
                  ? html`
                      <${Term} tip=${tip}>${name}<//>
                    `
                  : name
              }
            </dt>
            <dd>
              ${
                other === undefined
                  ? value
                  : [other, value].map(
                      (one, side) => html`
                        <span class="side-fact" key=${side}><b class="versus-letter">${"AB"[side]}</b> ${one}</span>
                      `,
                    )
              }
            </dd>
          </div>
        `,
      )}
    </dl>
  `;
}

/**
 * Cards side by side; each opens the side panel.
 * @param {{ctx: Ctx, kind: string, tag: string, look: string, grid: string,
 *   cards: {name: string, key?: string, label: string, title?: string, dim?: boolean, content: any}[]}} props
 */
export function Cards({ ctx, kind, tag, look, grid, cards }) {
  return html`
    <ul class=${grid}>
      ${cards.map(
        ({ name, key, label, title, dim, content }) => html`
          <${Card} key=${key ?? name} what=${title ?? name} small=${grid.split(" ").includes("row")}>
            <button
              class="card ${look} ${dim ? "dim" : ""}"
              aria-pressed=${ctx.isOpen(kind, tag, name)}
              onClick=${() => ctx.open(kind, tag, name)}
              title=${title}
              aria-label=${label}
            >
              ${content}
            </button>
          <//>
        `,
      )}
    </ul>
  `;
}

/** @param {{what: string, small: boolean, children?: any}} props one of them; a small one has no room for tools */
function Card({ what, small, children }) {
  const [near, watch] = useNear();
  return html`
    <li class="savable" ...${watch}>
      ${children}
      <${SaveNear} near=${near && !small} what=${what} scope=".savable" />
    </li>
  `;
}

/**
 * A bar of 0..`most` with a mark.
 * @param {{value: number|null|undefined, most: number, mark?: number, label: string, color?: string}} props
 */
export function Meter({ value, most, mark, label, color }) {
  const part = (/** @type {number} */ x) => `${Math.max(0, Math.min(1, most > 0 ? x / most : 0)) * 100}%`;
  return html`
    <div class="meter" role="img" aria-label=${label} title=${label}>
      <div class="meter-fill" style=${{ width: part(value ?? 0), background: color ?? "" }} />
      ${
        mark !== undefined &&
        html`
          <div class="meter-mark" style=${{ left: part(mark) }} />
        `
      }
    </div>
  `;
}

/**
 * Bars to both sides of zero, one per name.
 * @param {{effects: [string, number][], most: number}} props
 */
export function Effects({ effects, most }) {
  return html`
    <ul class="effects">
      ${effects.map(
        ([name, value]) => html`
          <li title=${`${value >= 0 ? "pushes toward" : "pushes against"} ${name}: ${number(value)}`}>
            <span class="effect-name">${name}</span>
            <${SignedBar} value=${value} most=${most} />
            <span class="effect-value">${signed(value)}</span>
          </li>
        `,
      )}
    </ul>
  `;
}

/** @param {{value: number, most: number}} props a bar to one side of zero, which is in the middle */
export function SignedBar({ value, most }) {
  const part = most > 0 ? 50 * Math.min(1, Math.abs(value) / most) : 0;
  const [look, side] = value >= 0 ? ["plus", "left"] : ["minus", "right"];
  return html`
    <span class="effect-bar"><i class=${look} style=${{ [side]: "50%", width: `${coordinate(part)}%` }} /></span>
  `;
}

/**
 * A list to choose from.
 * @param {{label: string, value: string, options: string[][], groups?: [string, string[][]][],
 *   onChange: (value: string) => void}} props each option is `[value, text]`; a group without options is left out
 */
export function Select({ label, value, options, groups = [], onChange }) {
  const list = (/** @type {string[][]} */ some) =>
    some.map(
      ([key, text]) => html`
        <option key=${key} value=${key} selected=${key === value}>${text}</option>
      `,
    );
  return html`
    <select aria-label=${label} onChange=${(/** @type {any} */ event) => onChange(event.target.value)}>
      ${list(options)}
      ${groups
        .filter(([, some]) => some.length)
        .map(
          ([title, some]) => html`
            <optgroup key=${title} label=${title}>${list(some)}</optgroup>
          `,
        )}
    </select>
  `;
}

/**
 * The panel at the side that shows one thing in detail; Escape closes it, and gives the focus back.
 * @param {{title: any, tools?: any, of?: string, onClose: () => void, children?: any}} props
 */
export function Panel({ title, tools, of, onClose, children }) {
  const ref = useRef(/** @type {any} */ (null));
  useLayoutEffect(() => {
    // at once, not a frame later: a key that is pressed right away must be heard
    const before = /** @type {any} */ (document.activeElement);
    ref.current.focus({ preventScroll: true });
    const listen = (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && onClose();
    document.addEventListener("keydown", listen);
    return () => {
      document.removeEventListener("keydown", listen);
      before?.focus?.({ preventScroll: true });
    };
  }, []);
  return html`
    <div class="panel" ref=${ref} tabindex="-1" role="dialog" aria-label="Details" data-of=${of}>
      <div class="panel-head">
        <div class="panel-title">${title}</div>
        <div class="panel-tools">
          ${tools}
          <button class="icon-button" onClick=${onClose} aria-label="Close details" title="Close (Esc)">✕</button>
        </div>
      </div>
      <div class="panel-body">${children}</div>
    </div>
  `;
}

/**
 * @param {{predicted: string, truth: string|null, right: boolean|null}} props right or wrong: by sign and word, not by
 *   color alone
 */
export function Outcome({ predicted, truth, right }) {
  if (right === null)
    return html`
      <span class="outcome" title=${`predicted ${predicted}`}>${predicted}</span>
    `;
  return right
    ? html`
        <span class="outcome right" title=${`predicted ${predicted}, rightly`}>✓ ${predicted}</span>
      `
    : html`
        <span class="outcome wrong" title=${`predicted ${predicted}, truly ${truth}`}>
          ✗ ${predicted}${" "}
          <small>is ${truth}</small>
        </span>
      `;
}

/**
 * @param {Probe|null|undefined} probe
 * @param {number} index
 * @returns {boolean|null} whether the prediction of a probe picture is right
 */
export function isRight(probe, index) {
  if (probe?.right) return probe.right[index] ?? null; // where several classes may be true, all of them must be
  const label = probe?.labels?.[index];
  const prediction = probe?.predictions?.[index];
  return label === undefined || label === null || prediction === undefined || prediction === null
    ? null
    : label === prediction;
}

/** @param {Probe|null|undefined} probe @returns {string} such as "91 % of 64 pictures right", or how many there are */
export function accuracy(probe) {
  const known = probe?.labels?.map((_, index) => isRight(probe, index)).filter((x) => x !== null) ?? [];
  if (!known.length) return plural(probe?.count ?? 0, "probe picture");
  return `${percent(known.filter(Boolean).length / known.length)} of ${plural(known.length, "probe picture")} right`;
}
