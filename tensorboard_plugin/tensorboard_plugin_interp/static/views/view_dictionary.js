/**
 * What fires at each position of a picture, layer by layer, and what each position stands for.
 *
 * @import { Ctx, ShownSeries } from "../model.js"
 * @import { DictionaryData, TabRecord } from "../records.js"
 * @import { Place } from "../dictionary/dictionary_record.js"
 */
import { html, useState } from "../vendor/preact-htm.js";
import { PictureTools } from "../arranging/arrange_tools.js";
import { DictionaryLayer } from "../dictionary/dictionary_layer.js";
import { BelowB } from "../comparing/two_pictures.js";
import { DictionarySides } from "../dictionary/dictionary_sides.js";
import { strongestPlace } from "../dictionary/dictionary_record.js";
import { GridLayer, Lens, hasGrid, useGridSheets } from "../dictionary/grid_layer.js";
import { Legend } from "../drawing/direction.js";
import { Layer, LayerName, Message } from "../drawing/parts.js";
import { PictureStrip } from "../drawing/picture_strip.js";
import { stepAt, useRecord } from "../model.js";
import { Lead } from "../words/lead.js";

const LEAD =
  "What each position of a layer says: the channels or groups that fire there, each with its icon. Point at the picture, " +
  "or move with the arrow keys; a click holds the position. Point at a word to see where else it fires.";
const GRID =
  "Beside it the picture as the layer has it: at each position the part of another probe picture whose activation " +
  "vector points the same way, or that vector itself, drawn.";

/** @param {{ctx: Ctx}} props */
export function Dictionary({ ctx }) {
  const [sized, setSized] = useState(true);
  const [at, setAt] = useState(/** @type {{place: Place|null, held: boolean}} */ ({ place: null, held: false }));
  const all = ctx.series.dictionary;
  const lead = useRecord(ctx.store, ctx.run, all[0].tag, stepAt(all[0].steps, ctx.step)).record;
  // the picture that is looked at elsewhere, where it is one
  const picture = lead?.data.pictures?.[Number(ctx.choice.picture)] ? Number(ctx.choice.picture) : 0;
  const grid = lead && hasGrid(lead.data, picture);
  const common = {
    picture,
    ...at,
    onPlace: (/** @type {Place} */ place, /** @type {boolean} */ held) => setAt({ place, held }),
  };
  const choose = (/** @type {number} */ next) => {
    ctx.choose({ picture: String(next) });
    setAt({ place: null, held: false });
  };
  return html`
    <${Lead} about="dictionary">
      ${LEAD} ${grid && GRID}
      <${PictureTools} ctx=${ctx} series=${all[0]} />
    <//>
    ${
      lead &&
      html`
        <${PictureStrip} ctx=${ctx} record=${lead} chosen=${picture} verb="Show" onChoose=${choose} />
        ${
          grid &&
          html`
            <div class="switch" role="group" aria-label="Cells">
              <button aria-pressed=${sized} onClick=${() => setSized(true)}>cells as large as the vector is long</button>
              <button aria-pressed=${!sized} onClick=${() => setSized(false)}>all of one size</button>
            </div>
          `
        }
        ${
          grid &&
          all.length > 1 &&
          html`
            <${Everywhere} ctx=${ctx} picture=${picture} place=${at.place ?? strongestPlace(lead.data, picture)} />
          `
        }
      `
    }
    ${all.map(
      (series) => html`
        <${Layer} key=${series.tag} ctx=${ctx} series=${series} heading=${describe}>
          ${(/** @type {TabRecord<DictionaryData>} */ record) =>
            record.data.pictures?.[picture]
              ? html`
                  <${BelowB} ctx=${ctx} record=${record} />
                  <div class="card dictionary-card">
                    <${DictionaryLayer} ...${common} series=${series} record=${record} />
                    <${GridLayer} ...${common} series=${series} record=${record} sized=${sized} />
                  </div>
                  ${ctx.compared && html`<${DictionarySides} ...${common} ctx=${ctx} series=${series} record=${record} sized=${sized} />`}
                `
              : html`
                  <${Message}>This layer has no entries for that picture.<//>
                `}
        <//>
      `,
    )}
  `;
}

/** @param {TabRecord<DictionaryData>} record @returns {any} */
const describe = ({ data }) => html`
  <span class="quiet">
    ${data.rows} × ${data.columns} positions, the ${data.top} strongest at each
    <${Legend} sheet=${data.icons ?? data.crops} of="; icons: " />
  </span>
`;

/** @param {{ctx: Ctx, picture: number, place: Place}} props the same place in all layers */
function Everywhere({ ctx, picture, place }) {
  return html`
    <section class="everywhere" aria-label="The same place in all layers">
      <h2>The same place in all layers</h2>
      ${ctx.series.dictionary.map(
        (series) => html`
          <${Magnified} key=${series.tag} ctx=${ctx} series=${series} picture=${picture} place=${place} />
        `,
      )}
    </section>
  `;
}

/** @param {{ctx: Ctx, series: ShownSeries, picture: number, place: Place}} props */
function Magnified({ ctx, series, picture, place }) {
  const { record } = useRecord(ctx.store, ctx.run, series.tag, stepAt(series.steps, ctx.step));
  return (
    record &&
    html`
      <${Magnifier} series=${series} record=${record} picture=${picture} place=${place} />
    `
  );
}

/** @param {{series: ShownSeries, record: TabRecord<DictionaryData>, picture: number, place: Place}} props */
function Magnifier({ series, record, picture, place }) {
  const sheets = useGridSheets(record);
  if (!hasGrid(record.data, picture)) return null;
  const title = html`
    <b><${LayerName} layer=${series.layer} /></b>
  `;
  return html`
    <${Lens} record=${record} picture=${picture} sheets=${sheets} place=${place} title=${title} />
  `;
}
