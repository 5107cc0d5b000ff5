/**
 * What has changed most between A and B, over all kinds of records, with ways to each.
 *
 * @import { Ctx, ShownSeries } from "../model.js"
 * @import { Change } from "./what_changed.js"
 */
import { html } from "../vendor/preact-htm.js";
import { CONTRASTS, className, namePicture, number, percent, plural } from "../format.js";
import { namesOf } from "../groups/names/group_name.js";
import { rowName } from "../groups/group_look.js";
import { reveal } from "../choosing/reveal.js";
import { stepAt, useRecord } from "../model.js";
import { likeOf, useOther } from "./compared.js";
import { NONE_IN_COMMON, findFlips, haveNoneInCommon, whatChanged } from "./what_changed.js";

const FLIPS = 3;
/** @type {Record<string, (change: Change) => string>} */
const SAY = {
  features: ({ was, is }) => `its picture reaches ${number(was)} → ${number(is)}`,
  groups: ({ was, is }) =>
    is === null
      ? `gone, had ${percent(was)} of the activation`
      : `${was === null ? "new, " : `${percent(was)} → `}${percent(is)} of the activation`,
  concepts: ({ was, is, contrast = "" }) => `effect ${number(was)} → ${number(is)}, ${CONTRASTS[contrast] ?? contrast}`,
};
const TITLES = /** @type {Record<string, string>} */ ({ features: "Features", groups: "Groups", concepts: "Concepts" });

/**
 * @param {Ctx} ctx
 * @param {string} layer
 * @param {any} data of a record of this run
 * @returns {any} the same, its groups by the names that people gave
 */
function named(ctx, layer, data) {
  if (!data?.groups) return data;
  const names = namesOf(ctx, layer, data.groups);
  return { ...data, groups: data.groups.map((/** @type {object} */ group, /** @type {number} */ index) => ({ ...group, name: names[index] })) };
}

/** @param {{ctx: Ctx, every: ShownSeries[]}} props `every`: of all kinds; as many at each drawing */
export function ChangedList({ ctx, every }) {
  const sides = every.map((series) => {
    const { record } = useRecord(ctx.store, ctx.run, series.tag, stepAt(series.steps, ctx.step));
    const other = useOther(ctx, record, likeOf(ctx, series));
    const { kind, layer, tag } = series;
    return { kind, layer, tag, before: named(ctx, layer, other.record?.data), after: named(ctx, layer, record?.data) };
  });
  if (!ctx.compared) return null;
  const there = sides.flatMap(({ before, after, ...place }) => (before && after ? [{ ...place, before, after }] : []));
  const changes = whatChanged(there, ctx.compared.own);
  const seen = there.find(({ before, after }) => before.probe?.predictions && after.probe?.predictions);
  const { flips, common } = findFlips(seen?.before.probe, seen?.after.probe);
  const alone = haveNoneInCommon(seen?.before.probe, seen?.after.probe);
  if (!changes.length && !common && !alone) return null;
  const go = (/** @type {Change} */ { kind, tag, item, is }) => {
    if (kind !== "groups") return ctx.open(kind, tag, item);
    const { variant } = /** @type {ShownSeries} */ (every.find((series) => series.tag === tag));
    const group = is === null ? "" : JSON.stringify([tag, Number(item)]); // one that is gone has no card, but a row
    ctx.choose({ section: "groups", item: "", group, ...(variant ? { k: variant } : {}) });
    reveal(rowName(tag, Number(item)));
  };
  const goToFlips = () => {
    ctx.choose({ section: "decisions", item: "", flips: "only" });
    reveal("flips");
  };
  return html`
    <section class="card tile full versus-changes" aria-label="What changed most">
      <h2>What changed most from A to B</h2>
      ${Object.keys(TITLES).map((kind) => {
        const own = changes.filter((change) => change.kind === kind);
        return (
          own.length > 0 &&
          html`
            <h3>${TITLES[kind]}</h3>
            <ul>
              ${own.map(
                (change) => html`
                  <li key=${`${change.tag} ${change.item} ${change.name}`}>
                    <button class="link" onClick=${() => go(change)}>${change.name}</button>${" "}
                    <span class="quiet">${change.layer}:</span> ${SAY[kind](change)}
                  </li>
                `,
              )}
            </ul>
          `
        );
      })}
      ${
        common > 0 &&
        html`
          <h3>Decisions</h3>
          <p>
            ${
              flips.length
                ? `${flips.length} of ${plural(common, "picture")} that both have ${flips.length === 1 ? "is" : "are"} taken for something else: `
                : `All ${plural(common, "picture")} that both have are taken for the same.`
            }
            ${flips
              .slice(0, FLIPS)
              .map(({ after, was, is }) => {
                const { class_names: names, probe } = seen?.after ?? {};
                return `${namePicture({ probe: { ids: probe?.ids } }, after)} (${className(names, was)} → ${className(names, is)})`;
              })
              .join(", ")}
            ${flips.length > FLIPS && " …"}
            ${
              flips.length > 0 &&
              ctx.series.attribution.length > 0 &&
              html`
                ${" "}
                <button class="link" onClick=${goToFlips}>
                  Show those that have maps, alone
                </button>
              `
            }
          </p>
        `
      }
      ${
        alone &&
        html`
          <h3>Decisions</h3>
          <p>${NONE_IN_COMMON}</p>
        `
      }
      ${
        !ctx.compared.own &&
        html`
          <p class="caption">
            Channels and groups of another training are others: a channel of the same number means something only if both
            began with the same weights, and groups are matched in their section.
          </p>
        `
      }
    </section>
  `;
}
