/**
 * What a group is: its classes, its examples, what it contributes with the proof, and what became of it.
 *
 * @import { Ctx } from "../model.js"
 * @import { Group, GroupsData, TabRecord } from "../records.js"
 */
import { html } from "../vendor/preact-htm.js";
import { CopyLink } from "../choosing/copy_link.js";
import { Cell } from "../drawing/canvas.js";
import { Swatch } from "../drawing/direction.js";
import { Facts, Meter, Term } from "../drawing/parts.js";
import { namePicture, number, percent, plural, quantityOf, signed } from "../format.js";
import { useSheet } from "../model.js";
import { stylesOf } from "./group_look.js";
import { GroupName, namesOf } from "./names/group_name.js";

const SHOWN = 8; // classes of a profile
const WORD =
  "The label, or what can be measured in pictures, that goes with where the group fires, over the whole probe (Pearson’s " +
  "r). Chance was told apart by exchanging whole pictures, corrected for all groups and words; no name is a possible answer.";
const PROFILE = "How strongly the group fires in the pictures of each class, on average.";
const EXAMPLES =
  "Best: where it fires most. Typical: nearest to the median of those where it fires. Where it matters most: where " +
  "switching it off takes most away. Where the last differ from the best, firing is not the same as mattering.";
const DRIFT = "How far the group’s make-up has turned since it was born: 0 is not at all, 1 is at right angles.";

/** @param {{ctx: Ctx, record: TabRecord<GroupsData>, index: number}} props */
export function GroupDetail({ ctx, record, index }) {
  const { groups = [], classes = [] } = record.data;
  const group = groups[index];
  const color = stylesOf(groups)[index];
  const profile = (group.profile ?? [])
    .map((value, place) => ({ name: classes[place], value }))
    .sort((a, b) => b.value - a.value);
  const most = Math.max(...profile.map(({ value }) => value), 1e-9);
  const proofs = Object.entries(group.proofs ?? {}).sort((a, b) => Math.abs(b[1].change) - Math.abs(a[1].change));
  return html`
    <div class="card group-detail" aria-label=${`About ${namesOf(ctx, record.layer, groups)[index]}`} role="region">
      <h3>
        <${Swatch} color=${color} />
        <${GroupName} ctx=${ctx} layer=${record.layer} groups=${groups} index=${index} />
        <${Word} group=${group} />
        <${CopyLink} ctx=${ctx} what="this group" />
      </h3>
      <div class="detail-columns">
        <div>
          ${
            profile.length > 0 &&
            html`
              <h4><${Term} tip=${PROFILE}>Fires in pictures of<//></h4>
              <ul class="profile">
                ${profile.slice(0, SHOWN).map(
                  ({ name, value }) => html`
                    <li key=${name}>
                      <span class="effect-name">${name}</span>
                      <${Meter} value=${value} most=${most} label=${`${name}: ${number(value)}`} color=${color} />
                      <span class="effect-value">${number(value)}</span>
                    </li>
                  `,
                )}
              </ul>
              ${
                profile.length > SHOWN &&
                html`
                  <p class="caption quiet">${plural(profile.length - SHOWN, "more class", "more classes")}, each less.</p>
                `
              }
            `
          }
          <${Facts}
            facts=${[
              group.fires !== undefined && ["fires in", plural(group.fires, "picture")],
              Boolean(group.total_drift) && [
                html`
                  <${Term} tip=${DRIFT}>drift since birth<//>
                `,
                number(group.total_drift),
              ],
            ]}
          />
        </div>
        <div>
          ${
            proofs.length > 0 &&
            html`
              <h4>Without it (${quantityOf(record)})</h4>
              <ul class="proofs">
                ${proofs.map(
                  ([name, { change, random }]) => html`
                    <li key=${name}>
                      ${name}: <b>${signed(change)}</b>
                      <span class="quiet"> (a random direction of that size: ${number(random)} either way)</span>
                    </li>
                  `,
                )}
              </ul>
            `
          }
          <${Events} record=${record} identity=${group.identity} />
        </div>
      </div>
      <${Examples} record=${record} group=${group} />
    </div>
  `;
}

/** @param {{group: Group}} props what the group may be called, with the evidence */
export function Word({ group }) {
  const { word } = group;
  if (!word) return null;
  return html`
    <span class="group-word ${word.word === null ? "none" : ""}">
      <${Term} tip=${`${WORD} ${word.evidence}${word.also.length ? ` Fits as well: ${word.also.join(", ")}.` : ""}`}>
        ${word.word === null ? "no name is clear of chance" : `“${word.word}”, r ${number(word.r)}`}
      <//>
    </span>
  `;
}

/** @param {{record: TabRecord<GroupsData>, group: Group}} props */
function Examples({ record, group }) {
  const crops = useSheet(record, record.data.crops);
  const thumbnails = useSheet(record, record.data.probe?.thumbnails);
  const { best = [], typical = [], contributing = [], target, shared } = group.examples ?? {};
  const rows = [
    { title: "best", some: best },
    { title: "typical", some: typical },
    { title: `where it matters most for ${target}`, some: contributing },
  ].filter(({ some }) => some.length);
  if (!rows.length) return null;
  return html`
    <h4><${Term} tip=${EXAMPLES}>Examples<//></h4>
    <div class="examples">
      ${rows.map(
        ({ title, some }) => html`
          <figure key=${title}>
            <ul class="crops">
              ${some.map(
                ({ probe, crop }) => html`
                  <li key=${probe} title=${namePicture(record.data, probe)}>
                    <${Cell}
                      sheet=${crop === null ? thumbnails : crops}
                      index=${crop === null ? probe : crop}
                      size=${56}
                      label=${namePicture(record.data, probe)}
                    />
                  </li>
                `,
              )}
            </ul>
            <figcaption>${title}</figcaption>
          </figure>
        `,
      )}
    </div>
    ${
      typeof shared === "number" &&
      shared < 0.5 &&
      html`
        <p class="caption quiet">
          Only ${percent(shared)} of the pictures where it fires most are among those where it matters most.
        </p>
      `
    }
  `;
}

/** @param {{record: TabRecord<GroupsData>, identity?: number}} props what happened since the last look */
export function Events({ record, identity }) {
  const all = record.data.events ?? [];
  const some = identity === undefined ? all : all.filter(({ from, to }) => [...from, ...to].includes(identity));
  if (!some.length) return null;
  return html`
    <h4>Since the last look</h4>
    <ul class="events">
      ${some.map(
        ({ sentence }) => html`
          <li key=${sentence}>${sentence}</li>
        `,
      )}
    </ul>
  `;
}
