/** What pushed each decision, and where in the picture. */
import { html } from "../vendor/preact-htm.js";
import { Cell, SignedMap } from "../drawing/canvas.js";
import { className, number, signed, whole } from "../format.js";
import { stepAt, useRecord, useSheet } from "../model.js";
import { Effects, Layer, Message, Outcome, Term, isRight } from "../drawing/parts.js";

/** @param {{ctx: any}} props */
export function Decisions({ ctx }) {
  return html`
    <p class="lead">
      Where each decision came from.
      <${Key} />
    </p>
    ${ctx.series.attribution.map(
      (series) => html`
        <${Layer}
          key=${series.tag}
          ctx=${ctx}
          series=${series}
          heading=${(record) => html`
            <span class="quiet">
              ${methodName(record.data.method)}${record.data.target ? `, target ${record.data.target.name}` : ""}
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

/** What the two colors mean. */
export function Key() {
  return html`
    <span class="key">
      <span>
        <i class="swatch plus" />
        blue pushes toward the target
      </span>
      <span>
        <i class="swatch minus" />
        orange pushes against it
      </span>
    </span>
  `;
}

/** @param {string|undefined} method @returns {string} */
const methodName = (method) => String(method ?? "").replaceAll("_", " ");

/** @param {{ctx: any, tag: string, record: any, limit?: number}} props */
export function Grid({ ctx, tag, record, limit }) {
  const { probe, pictures = [], class_names: names } = record.data;
  const sheets = useSheets(record);
  return html`
    <ul class=${limit ? "grid row maps" : "grid decisions"}>
      ${pictures.slice(0, limit).map((picture, index) => {
        const id = probe?.ids?.[picture.probe] ?? `picture ${picture.probe}`;
        const target = className(names, picture.target);
        const prediction = probe?.predictions?.[picture.probe];
        return html`
          <li key=${index}>
            <button
              class="card map"
              aria-pressed=${ctx.isOpen("attribution", tag, String(index))}
              onClick=${() => ctx.open("attribution", tag, String(index))}
              title=${id}
              aria-label=${`${id}, target ${target}: show details`}
            >
              <${SignedMap}
                ...${sheets}
                probe=${picture.probe}
                index=${index}
                size=${200}
                label=${`What pushed ${id} toward and against ${target}`}
              />
              ${
                !limit &&
                html`
                  ${
                    prediction !== undefined &&
                    prediction !== null &&
                    html`
                      <${Outcome}
                        predicted=${className(names, prediction)}
                        truth=${probe.labels ? className(names, probe.labels[picture.probe]) : null}
                        right=${isRight(probe, picture.probe)}
                      />
                    `
                  }
                  <span class="decision-line quiet">
                    <span>${record.data.output?.quantity ?? "logit"} of ${target}</span>
                    <b>${number(picture.logit)}</b>
                  </span>
                `
              }
            </button>
          </li>
        `;
      })}
    </ul>
  `;
}

/** @param {any} record */
function useSheets(record) {
  const thumbnails = useSheet(record, record?.data.probe?.thumbnails);
  const positive = useSheet(record, record?.data.positive);
  const negative = useSheet(record, record?.data.negative);
  return { thumbnails, positive, negative };
}

/** @param {{ctx: any, tag: string, name: string, series: any}} props one decision in the side panel */
export function DecisionDetail({ ctx, tag, name, series }) {
  const { record, error } = useRecord(ctx.store, ctx.run, tag, stepAt(series.steps, ctx.step));
  const sheets = useSheets(record);
  if (error)
    return html`
      <${Message} kind="error">${error}<//>
    `;
  if (!record)
    return html`
      <${Message}>Loading …<//>
    `;
  const { probe, class_names: names, method } = record.data;
  const picture = record.data.pictures?.[Number(name)];
  if (!picture)
    return html`
      <${Message}>This picture has no attribution at this step.<//>
    `;
  const top = (picture.top ?? []).map((entry) => [className(names, entry.target), entry.logit]);
  const most = Math.max(...top.map((entry) => Math.abs(entry[1] ?? 0)), 1e-9);
  const target = className(names, picture.target);
  return html`
    <div class="hero-picture">
      <${SignedMap}
        ...${sheets}
        probe=${picture.probe}
        index=${Number(name)}
        size=${368}
        label=${`What pushed toward and against ${target}`}
      />
    </div>
    <p class="caption"><${Key} /></p>
    <div class="pair small">
      <figure>
        <${Cell} sheet=${sheets.thumbnails} index=${picture.probe} size=${120} label="The picture" />
        <figcaption>picture</figcaption>
      </figure>
      <figure>
        <${SignedMap}
          ...${{ ...sheets, thumbnails: undefined }}
          probe=${picture.probe}
          index=${Number(name)}
          size=${120}
          label="The map alone"
        />
        <figcaption>map alone</figcaption>
      </figure>
    </div>
    <dl class="facts">
      <div>
        <dt>target</dt>
        <dd>${target}</dd>
      </div>
      <div>
        <dt>logit</dt>
        <dd>${number(picture.logit)}</dd>
      </div>
      <div>
        <dt>
          <${Term}
            tip="The sum of the map: how much of the logit this layer's activations account for, to first order."
          >
            total attribution
          <//>
        </dt>
        <dd>${signed(picture.total)}</dd>
      </div>
      ${
        probe?.labels &&
        html`
          <div>
            <dt>truth</dt>
            <dd>${className(names, probe.labels[picture.probe])}</dd>
          </div>
        `
      }
      <div>
        <dt>method</dt>
        <dd>${methodName(method)}</dd>
      </div>
      <div>
        <dt>step</dt>
        <dd>${whole(record.step)}</dd>
      </div>
    </dl>
    ${
      top.length > 0 &&
      html`
        <h3>Highest logits</h3>
        <${Effects} effects=${top} most=${most} />
      `
    }
  `;
}
