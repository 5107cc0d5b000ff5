/**
 * A group in the list: its name, what it looks for, its share and what it does.
 *
 * @import { Ctx, LoadedSheet } from "../model.js"
 * @import { GroupsData, TabRecord } from "../records.js"
 */
import { html } from "../vendor/preact-htm.js";
import { Direction, Legend, Swatch } from "../drawing/direction.js";
import { Effects } from "../drawing/parts.js";
import { number, percent } from "../format.js";
import { SaveNear, useNear } from "../saving/save_near.js";
import { Word } from "./group_detail.js";
import { GroupName } from "./names/group_name.js";

/**
 * @param {{ctx: Ctx, record: TabRecord<GroupsData>, index: number, name: string, icons: LoadedSheet|undefined,
 *   color: string, widest: number, most: number, look: string, held: boolean, onPoint: (here: boolean) => void,
 *   onHold: (now: boolean) => void}} props `widest` and `most` are the largest share and effect of all groups
 */
export function GroupCard({ ctx, record, index, name, icons, color, widest, most, look, held, onPoint, onHold }) {
  const { groups = [], icons: sheet } = record.data;
  const group = groups[index];
  const [near, watch] = useNear();
  const enter = () => {
    watch.onPointerEnter(null);
    onPoint(true);
  };
  return html`
    <li class="card group savable ${look}" style=${{ "--group": color }} ...${watch} onPointerEnter=${enter}>
      <div class="group-title">
        <${Swatch} color=${color} />
        <${GroupName} ctx=${ctx} layer=${record.layer} groups=${groups} index=${index} />
        <${SaveNear} near=${near} what=${name} scope=".group" />
      </div>
      <button
        class="group-head"
        aria-pressed=${held}
        aria-label=${`${name}, ${percent(group.share)} of the activation`}
        onFocus=${() => onPoint(true)}
        onBlur=${() => onPoint(false)}
        onClick=${() => onHold(!held)}
        title=${held ? "Show all groups again" : "Show this group alone, and what it is"}
      >
        <${Direction}
          name=${name}
          titled=${false}
          sheet=${icons}
          picture=${group.icon}
          size=${72}
          color=${color}
          strength=${{
            value: group.share ?? 0,
            most: widest,
            text: percent(group.share),
            label: `${percent(group.share)} of the layer's activation`,
          }}
        >
          ${
            Array.isArray(sheet?.legend) &&
            html`
              <${Legend} sheet=${sheet} index=${group.icon ?? -1} />
            `
          }
          <${Word} group=${group} />
          <span class="chips">
            ${(group.channels ?? []).slice(0, 4).map(
              (channel) => html`
                <span class="chip" title=${`weight ${number(channel.weight)}`}>ch ${channel.channel}</span>
              `,
            )}
          </span>
        <//>
      </button>
      <${Effects} effects=${strongest(group.effects)} most=${most} />
    </li>
  `;
}

/** @param {Record<string, number>|undefined} effects @returns {[string, number][]} the three strongest */
export function strongest(effects) {
  const known = Object.entries(effects ?? {}).filter(([, value]) => Number.isFinite(value));
  return known.sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, 3);
}
