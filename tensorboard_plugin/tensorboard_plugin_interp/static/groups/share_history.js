/**
 * Shares of groups over training: of all that there have been, each in its color, gone ones too.
 *
 * @import { Ctx } from "../model.js"
 * @import { Entry, GroupsData, TabRecord } from "../records.js"
 */
import { html } from "../vendor/preact-htm.js";
import { groupStyle } from "../drawing/canvas.js";
import { ShareChart } from "../drawing/charts.js";
import { whole } from "../format.js";
import { Events } from "./group_detail.js";
import { colorsOf, everyGroup, identityOf } from "./group_look.js";
import { namesOf } from "./names/group_name.js";

/** @param {{ctx: Ctx, record: TabRecord<GroupsData>, entries: Entry<GroupsData>[], only: number|null}} props */
export function ShareHistory({ ctx, record, entries, only }) {
  if (entries.length < 2) return null;
  const { groups = [] } = record.data;
  const here = groups.map(identityOf);
  const now = colorsOf(groups);
  const all = everyGroup(entries).map(({ identity, step, groups: then, index }) => {
    const place = here.indexOf(identity);
    const called = namesOf(ctx, record.layer, then)[index];
    return {
      identity,
      name: place < 0 && step < record.step ? `${called}, until step ${whole(step)}` : called,
      color: groupStyle(place < 0 ? identity : now[place]),
    };
  });
  const shares = (/** @type {Entry<GroupsData>} */ { data }) => {
    const found = new Map((data.groups ?? []).map((group, index) => [identityOf(group, index), group.share ?? 0]));
    return all.map(({ identity }) => found.get(identity) ?? 0);
  };
  const chosen = only === null ? -1 : all.findIndex(({ identity }) => identity === here[only]);
  return html`
    <div class="card chart-card">
      <h3>Share of the layer’s activation over training</h3>
      <${ShareChart}
        label="Share of each group over the steps"
        names=${all.map(({ name }) => name)}
        colors=${all.map(({ color }) => color)}
        only=${chosen < 0 ? null : chosen}
        at=${record.step}
        onPick=${ctx.setStep}
        height=${180}
        points=${entries.map((entry) => ({ x: entry.step, shares: shares(entry) }))}
      />
      <${Events} record=${record} />
    </div>
  `;
}
