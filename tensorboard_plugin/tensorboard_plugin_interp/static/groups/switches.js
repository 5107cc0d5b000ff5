/**
 * Switches: groups of a layer turned off and on, and what the network then gives. Nothing is computed: the outputs of all
 * combinations were recorded.
 *
 * @import { Ctx } from "../model.js"
 * @import { GroupsData, TabRecord } from "../records.js"
 */
import { html } from "../vendor/preact-htm.js";
import { ClassBars } from "../drawing/class_bars.js";
import { Swatch } from "../drawing/direction.js";
import { SignedBar, Term } from "../drawing/parts.js";
import { PictureStrip } from "../drawing/picture_strip.js";
import { className, namePicture, quantityOf, signed } from "../format.js";
import { stylesOf } from "./group_look.js";
import { namesOf } from "./names/group_name.js";
import { readOff, shapleyOf, subsetOf, writeOff } from "./switch_numbers.js";

const OFF =
  "A group that is off is taken out of the layer, wherever it fires, and the network is run on from there. What no " +
  "group explains stays.";
const USUAL =
  "A group that is off is at each position what it is in the median of the probe’s pictures, and the network is run on " +
  "from there: what only some pictures have of it is gone. What no group explains stays.";
const SHARE =
  "The group’s Shapley value: how much it changes this score on average, over all orders in which groups can be " +
  "switched on. Together they are the score with all groups less that with none.";

/**
 * @param {{ctx: Ctx, record: TabRecord<GroupsData>, order: number[], only: number|null}} props groups in the order in which
 *   they are shown; `only` is the one that is pointed at
 */
export function Switches({ ctx, record, order, only }) {
  const { groups = [], switches, class_names: names } = record.data;
  const pictures = switches?.pictures ?? [];
  const row = Math.max(0, pictures.findIndex(({ probe }) => String(probe) === (ctx.choice.picture || "0")));
  const picture = pictures[row];
  if (!picture) return null;
  const [colors, called] = [stylesOf(groups), namesOf(ctx, record.layer, groups)];
  const off = readOff(ctx.choice.off, record.layer, groups.length);
  const everything = picture.outputs.length - 1;
  const subset = subsetOf(groups.length, off);
  const [whole, now] = [picture.outputs[everything], picture.outputs[subset]];
  const set = (/** @type {number[]} */ next) => ctx.choose({ off: writeOff(ctx.choice.off, record.layer, next) });
  const decided = picture.decisions;
  const name = (/** @type {number} */ of) => (names || decided ? className(names, of) : `output ${of}`);
  const first = decided ? decided[everything] : picture.classes[0];
  const column = Math.max(0, picture.classes.indexOf(first));
  const second = picture.classes.length > 1 && decided ? (column === 0 ? 1 : 0) : null;
  const asked = second === null ? name(first) : `${name(first)} over ${name(picture.classes[second])}`;
  const worth = shapleyOf(picture, groups.length, (outputs) => outputs[column] - (second === null ? 0 : outputs[second]));
  const most = Math.max(...worth.map(Math.abs), 1e-9);
  const said = !decided
    ? ""
    : off.length === 0
      ? `Taken for ${name(decided[everything])}.`
      : decided[subset] === decided[everything]
        ? `Still taken for ${name(decided[subset])}.`
        : `Now taken for ${name(decided[subset])} instead of ${name(decided[everything])}.`;
  return html`
    <div class="card switches" role="group" aria-label="Switches">
      <h3><${Term} tip=${switches?.baseline === "median" ? USUAL : OFF}>Switch groups off<//></h3>
      <${PictureStrip}
        ctx=${ctx}
        record=${{ ...record, data: { ...record.data, pictures } }}
        chosen=${row}
        verb="Switch groups of"
        onChoose=${(/** @type {number} */ next) => ctx.choose({ picture: String(pictures[next].probe) })}
      />
      <div class="switch-columns">
        <div>
          <p class="caption quiet">
            <${Term} tip=${SHARE}>What each is worth<//> for ${asked}
          </p>
          <ul class="switch-list">
            ${order.map((index) => {
              const there = !off.includes(index);
              const next = there ? [...off, index] : off.filter((one) => one !== index);
              const others = groups.map((_, other) => other).filter((other) => other !== index);
              return html`
                <li key=${index} class=${only === index ? "active" : ""}>
                  <button
                    role="switch"
                    class="toggle"
                    aria-checked=${there}
                    aria-label=${called[index]}
                    title=${there ? `Switch ${called[index]} off` : `Switch ${called[index]} on again`}
                    onClick=${() => set(next)}
                  >
                    <i />
                  </button>
                  <span class="switch-name" title=${called[index]}><${Swatch} color=${colors[index]} />${called[index]}</span>
                  <${SignedBar} value=${worth[index]} most=${most} />
                  <span class="effect-value">${signed(worth[index])}</span>
                  <button class="chip-button" title=${`Switch all but ${called[index]} off`} onClick=${() => set(others)}>
                    only
                  </button>
                </li>
              `;
            })}
          </ul>
          <p>
            <button class="chip-button" disabled=${off.length === 0} onClick=${() => set([])}>all on</button>
            <button
              class="chip-button"
              disabled=${off.length === groups.length}
              onClick=${() => set(groups.map((_, index) => index))}
            >
              all off
            </button>
          </p>
        </div>
        <div>
          <p class="finding" aria-live="polite">${said}</p>
          <${ClassBars}
            label=${`${quantityOf(record)} of ${namePicture(record.data, picture.probe)}`}
            rows=${picture.classes.map((of, place) => ({
              key: String(of),
              name: name(of),
              role: of === first ? "first" : "",
              score: whole[place],
              after: off.length ? now[place] : null,
            }))}
          />
        </div>
      </div>
    </div>
  `;
}
