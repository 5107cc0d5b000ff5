/**
 * The groups that those that are shown are compared with: their record, its sheets, and which of both sides are the same.
 *
 * @import { Ctx, LoadedSheet, ShownSeries } from "../../model.js"
 * @import { GroupsData, TabRecord } from "../../records.js"
 * @import { Compared } from "./comparison_numbers.js"
 *
 * @typedef {object} GroupSide
 * @property {GroupsData} data
 * @property {LoadedSheet|undefined} icons
 * @property {LoadedSheet|undefined} maps
 * @property {LoadedSheet|undefined} thumbnails
 * @property {boolean} expects whether there will be maps
 */
import { useMemo } from "../../vendor/preact-htm.js";
import { comparedStep } from "../../comparing/compared.js";
import { useRecord, useSheet } from "../../model.js";
import { chooseVariant } from "../group_tools.js";
import { compareSides } from "./comparison_numbers.js";

/**
 * @param {Ctx} ctx
 * @param {ShownSeries} series
 * @param {TabRecord<GroupsData>} record that is shown
 * @returns {{there: TabRecord<GroupsData>|undefined, error: string, lacks: boolean, step: number|null, same: boolean}} `lacks`:
 *   whether A has no groups of this layer; `same`: whether A is what is shown
 */
export function useOtherGroups(ctx, series, record) {
  const { compared } = ctx;
  const asked = series.variant || ctx.choice.k;
  const like = (compared?.series ?? []).filter(({ kind, layer }) => kind === series.kind && layer === series.layer);
  const other = like.length ? chooseVariant(like, asked)[0] : null;
  const step = compared && other ? comparedStep(compared, other.steps) : null;
  const same = Boolean(compared?.own && step === record.step && other?.tag === series.tag);
  const { record: there, error } = useRecord(ctx.store, compared?.run ?? "", other?.tag ?? "", same ? null : step);
  return { there, error, lacks: Boolean(compared && !compared.waiting && !other), step, same };
}

/** @param {TabRecord<GroupsData>} record @returns {GroupSide} */
export function useSide(record) {
  const { data } = record;
  return {
    data,
    icons: useSheet(record, data.icons),
    maps: useSheet(record, data.maps),
    thumbnails: useSheet(record, data.probe?.thumbnails),
    expects: Boolean(data.maps),
  };
}

/** @param {GroupSide} before @param {GroupSide} after @param {boolean} own @returns {Compared|null} null while maps are on their way */
export function usePairs(before, after, own) {
  const ready = [before, after].every(({ maps, expects }) => !expects || (maps && !maps.stale));
  return useMemo(
    () => (ready ? compareSides({ data: before.data, maps: before.maps }, { data: after.data, maps: after.maps }, own) : null),
    [before.data, after.data, own, ready, before.maps?.image, after.maps?.image],
  );
}
