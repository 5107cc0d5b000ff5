/**
 * The pictures that a record is about, side by side: one of them is looked at.
 *
 * @import { Ctx } from "../model.js"
 * @import { TabRecord } from "../records.js"
 */
import { html } from "../vendor/preact-htm.js";
import { ALL_PICTURES, choosePictures, describePictures, rowsOf } from "../arranging/arrange_tools.js";
import { Paged } from "../arranging/paged.js";
import { Cell } from "./canvas.js";
import { Legend } from "./direction.js";
import { Outcome, isRight } from "./parts.js";
import { className, namePicture } from "../format.js";
import { useSheet } from "../model.js";

const PAGE = 24; // pictures side by side

/**
 * @param {{ctx: Ctx, record: TabRecord<any>, chosen: number, verb: string, tip?: (picture: any) => string,
 *   onChoose: (picture: number) => void}} props `verb` says what a click does
 */
export function PictureStrip({ ctx, record, chosen, verb, tip, onChoose }) {
  const { probe, pictures = [], class_names: names } = record.data;
  const thumbnails = useSheet(record, probe?.thumbnails);
  const kept = choosePictures(ctx, describePictures(record.data, rowsOf(record.data)));
  const strip = (/** @type {number} */ from, /** @type {number} */ to) => html`
    <ul class="strip" aria-label="Pictures">
      ${kept.slice(from, to).map((place) => {
        const picture = pictures[place];
        const name = namePicture(record.data, picture.probe);
        const predicted = probe?.predictions?.[picture.probe];
        return html`
          <li key=${place}>
            <button
              class="strip-picture"
              aria-pressed=${chosen === place}
              aria-label=${`${verb} ${name}`}
              title=${tip ? `${name}: ${tip(picture)}` : name}
              onClick=${() => onChoose(place)}
            >
              <${Cell} sheet=${thumbnails} index=${picture.probe} size=${64} label=${name} />
              ${
                predicted !== undefined &&
                predicted !== null &&
                html`
                  <${Outcome}
                    predicted=${className(names, predicted)}
                    truth=${probe.labels ? className(names, probe.labels[picture.probe]) : null}
                    right=${isRight(probe, picture.probe)}
                  />
                `
              }
            </button>
          </li>
        `;
      })}
    </ul>
  `;
  return html`
    <${Paged} ctx=${ctx} place=${`strip ${record.kind}/${record.layer}`} what="picture" count=${kept.length} total=${pictures.length}
      all=${ALL_PICTURES} size=${PAGE}>${strip}<//>
    <${Legend} sheet=${probe?.thumbnails} of="Pictures: " />
  `;
}
