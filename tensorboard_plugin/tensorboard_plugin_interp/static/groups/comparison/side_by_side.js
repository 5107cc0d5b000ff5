/**
 * Groups of two steps or two runs side by side: which are the same, which one side lacks, and how much has changed.
 *
 * @import { Ctx, ShownSeries } from "../../model.js"
 * @import { GroupsData, TabRecord } from "../../records.js"
 * @import { Row } from "./comparison_numbers.js"
 */
import { html } from "../../vendor/preact-htm.js";
import { Cell, GroupMap, groupStyle } from "../../drawing/canvas.js";
import { Swatch } from "../../drawing/direction.js";
import { Message, SignedBar, Term } from "../../drawing/parts.js";
import { number, percent, plural, runName, signed, whole } from "../../format.js";
import { pairColors } from "./comparison_numbers.js";
import { RowLarge } from "./large_sides.js";
import { useOtherGroups, usePairs, useSide } from "./other_groups.js";
import { useNames } from "../names/given_names.js";
import { identityOf, rowName } from "../group_look.js";
import { GivenMark, plainName } from "../names/group_name.js";
import { tellSame } from "../../comparing/compared.js";
import { tellPlace } from "../../saving/save_menu.js";

const MAPS = 3; // pictures of each side of a row
const SMALL = 0.01; // a share that changes by less has hardly changed
const BY = {
  identity: "Groups are followed through this training: a pair is one group at two steps.",
  places: "Pairs fire at the same places of the same pictures; trainings have channels of their own, so what groups are made of says nothing.",
  makeup: "Pairs are made of the same channels: the two have no pictures in common. That means something only where one training went on from the other.",
  nothing: "The records hold nothing to compare groups by.",
};

/** @param {{ctx: Ctx, series: ShownSeries, record: TabRecord<GroupsData>}} props `record` is the one that is shown */
export function Comparison({ ctx, series, record }) {
  const { compared } = ctx;
  const { there, error, lacks, step, same } = useOtherGroups(ctx, series, record);
  if (same) return step === ctx.step ? null : html`<${Message}>${tellSame(step)}<//>`; // else the header says so
  if (error)
    return html`
      <${Message} kind="error">${error}<//>
    `;
  if (!compared || !there)
    return html`
      <${Message}>
        ${compared && lacks ? `${runName(compared.run)} has no groups of ${series.layer}.` : "Loading what it is compared with …"}
      <//>
    `;
  return html`
    <${Sides} ctx=${ctx} tag=${series.tag} run=${compared.run} own=${compared.own} there=${there} here=${record} />
  `;
}

/** @param {{ctx: Ctx, tag: string, run: string, own: boolean, there: TabRecord<GroupsData>, here: TabRecord<GroupsData>}} props */
function Sides({ ctx, tag, run, own, there, here }) {
  const named = useNames(ctx.store, own ? "" : run);
  const [before, after] = [useSide(there), useSide(here)];
  const found = usePairs(before, after, own);
  if (!found)
    return html`
      <${Message}>Loading what it is compared with …<//>
    `;
  const names = own ? ctx.names : named;
  const groups = { there: there.data.groups ?? [], here: here.data.groups ?? [] };
  const given = { there: names.given(there.layer, groups.there), here: ctx.names.given(here.layer, groups.here) };
  const left = own ? `step ${whole(there.step)}` : `${runName(run)}, step ${whole(there.step)}`;
  const right = own ? `step ${whole(here.step)}` : `${runName(ctx.run)}, step ${whole(here.step)}`;
  const title = `A: ${left} beside B: ${right}`;
  const colors = pairColors(found.rows, groups.there, groups.here);
  const pairs = found.rows.filter((row) => row.there !== null && row.here !== null);
  const most = Math.max(...found.rows.map(({ change }) => Math.abs(change)), 1e-9);
  const lost = found.rows.filter((row) => row.here === null).length;
  const fresh = found.rows.length - pairs.length - lost;
  const places = own ? [`at ${left}`, `at ${right}`] : [`in ${runName(run)}`, `in ${runName(ctx.run)}`];
  const words = own && there.step < here.step ? ["gone", "new"] : places.map((place) => `only ${place}`);
  const side = (/** @type {"there"|"here"} */ which, /** @type {number|null} */ index) => html`
    <${Side}
      side=${which === "there" ? before : after}
      group=${index === null ? null : groups[which][index]}
      index=${index ?? 0}
      name=${index === null ? null : given[which][index]}
      colors=${colors[which]}
      letter=${which === "there" ? "A" : "B"}
      place=${which === "there" ? tellPlace(run, there.layer, there.step) : tellPlace(ctx.run, here.layer, here.step)}
      lacks=${`not ${places[which === "there" ? 0 : 1]}`}
    />
  `;
  return html`
    <section class="card comparison" aria-label=${`${here.layer}: ${title}`}>
      <h3>${title}</h3>
      <p class="caption">
        ${[
          `${plural(pairs.length, "group")} on both sides`,
          lost && `${lost} ${words[0]}`,
          fresh && `${fresh} ${words[1]}`,
        ]
          .filter(Boolean)
          .join(", ")}. ${BY[found.by]}
        ${
          found.others !== null &&
          ["places", "makeup"].includes(found.by) &&
          html`
            ${" "}
            <${Term} tip="The mean cosine of two groups that are no pair: what a pair’s number is to be read beside.">
              Groups that are no pair agree by ${number(found.others)}<//>.
          `
        }
      </p>
      <ul class="compared">
        <li class="compared-head caption" aria-hidden="true">
          <span><b class="versus-letter">A</b> ${left}</span>
          <span>change of the share, B − A</span>
          <span><b class="versus-letter">B</b> ${right}</span>
        </li>
        ${found.rows.map((row) => {
          const [one, two] = [nameOf("there", row.there), nameOf("here", row.here)];
          return html`
            <li key=${`${row.there} ${row.here}`} data-reveal=${rowOf(row)} tabindex="-1">
              ${side("there", row.there)}
              <div class="compared-change">
                <b>${points(row.change)} points</b>
                <${SignedBar} value=${row.change} most=${most} />
                <span class="compared-words">${describe(row, one, two)}</span>
              </div>
              ${side("here", row.here)}
              ${
                row.there !== null &&
                row.here !== null &&
                html`
                  <${RowLarge} ctx=${ctx} sides=${[before, after]} indices=${[row.there, row.here]} colors=${[colors.there, colors.here]}
                    places=${[tellPlace(run, there.layer, there.step), tellPlace(ctx.run, here.layer, here.step)]}
                    name=${two ?? plainName(groups.here[row.here])} />
                `
              }
            </li>
          `;
        })}
      </ul>
    </section>
  `;

  /** @param {Row} row @returns {string} */
  function rowOf(row) {
    const [which, index] = row.here === null ? [groups.there, row.there ?? 0] : [groups.here, row.here];
    return rowName(tag, identityOf(which[index], index));
  }

  /** @param {"there"|"here"} which @param {number|null} index @returns {string|null} */
  function nameOf(which, index) {
    return index === null ? null : (given[which][index] ?? null);
  }

  /** @param {Row} row @param {string|null} one @param {string|null} two @returns {string} what has changed, in words */
  function describe(row, one, two) {
    const [was, is] = [row.there === null ? null : groups.there[row.there], row.here === null ? null : groups.here[row.here]];
    if (!was) return own && there.step < here.step ? `New since ${left}: ${percent(is?.share)}.` : `Only ${places[1]}: ${percent(is?.share)}.`;
    if (!is) return own && there.step < here.step ? `Gone since ${left}, where it had ${percent(was.share)}.` : `Only ${places[0]}: ${percent(was.share)}.`;
    const verb = Math.abs(row.change) < SMALL ? "Hardly changed" : row.change > 0 ? "Grew" : "Shrank";
    const parts = [`${verb}, ${percent(was.share)} → ${percent(is.share)}`];
    if (row.where !== null) parts.push(`fires in ${howMuch(row.where)} places (${number(row.where)})`);
    if (row.makeup !== null && (own || found?.by === "makeup"))
      parts.push(`made of ${howMuch(row.makeup)} channels (${number(row.makeup)})`);
    if (one && two && one !== two) parts.push(`called “${one}” in A and “${two}” in B`);
    return `${parts.join("; ")}.`;
  }
}

/** @param {number} change of a share @returns {string} in percentage points */
const points = (change) => signed(Math.round(1000 * change) / 10).replace(/(\.\d)\d+$/, "$1");

/** @param {number} agreement @returns {string} */
const howMuch = (agreement) =>
  agreement >= 0.9 ? "the same" : agreement >= 0.7 ? "mostly the same" : agreement >= 0.5 ? "partly the same" : "other";

/**
 * @param {{side: any, group: import("../../records.js").Group|null, index: number, name: string|null, colors: number[],
 *   letter: string, place: string, lacks: string}} props `place`: what saved pictures are called after
 */
function Side({ side, group, index, name, colors, letter, place, lacks }) {
  if (!group)
    return html`
      <div class="compared-side lacks quiet">${lacks}</div>
    `;
  const shown = name ?? plainName(group);
  const count = Math.min(MAPS, side.data.probe?.thumbnails.count ?? 0);
  return html`
    <div class="compared-side" data-of=${place}>
      <span class="compared-name">
        <${Swatch} color=${groupStyle(colors[index])} />${shown}${
          name &&
          html`
            <${GivenMark} group=${group} />
          `
        }
        <b>${percent(group.share)}</b>
      </span>
      <span class="compared-pictures">
        ${
          typeof group.icon === "number" &&
          html`
            <span><${Cell} sheet=${side.icons} index=${group.icon} size=${64} label=${`What ${shown} looks for, ${letter}`} /></span>
          `
        }
        ${
          side.expects &&
          Array.from(
            { length: count },
            (_, picture) => html`
              <span key=${picture}>
                <${GroupMap} thumbnails=${side.thumbnails} index=${picture} maps=${side.maps} colors=${colors} only=${index}
                  size=${64} label=${`Where ${shown} fires in picture ${picture + 1}, ${letter}`} />
              </span>
            `,
          )
        }
      </span>
    </div>
  `;
}
