/**
 * The pictures that a record is about, side by side: one of them is looked at.
 *
 * @import { TabRecord } from "../records.js"
 */
import { html } from "../vendor/preact-htm.js";
import { Cell } from "./canvas.js";
import { Legend } from "./direction.js";
import { Outcome, isRight } from "./parts.js";
import { className, namePicture } from "../format.js";
import { useSheet } from "../model.js";

/**
 * @param {{record: TabRecord<any>, chosen: number, verb: string, tip?: (picture: any) => string,
 *   onChoose: (picture: number) => void}} props `verb` says what a click does
 */
export function PictureStrip({ record, chosen, verb, tip, onChoose }) {
  const { probe, pictures = [], class_names: names } = record.data;
  const thumbnails = useSheet(record, probe?.thumbnails);
  return html`
    <ul class="strip" aria-label="Pictures">
      ${pictures.map((/** @type {{probe: number}} */ picture, /** @type {number} */ place) => {
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
    <${Legend} sheet=${probe?.thumbnails} of="Pictures: " />
  `;
}
