/**
 * What a record says, as one table: a row a unit, a group, a picture, a test or a word, with the numbers as they were recorded.
 *
 * @import { TabRecord } from "../records.js"
 * @import { Table, Value } from "./table_text.js"
 */
import { className, namePicture } from "../format.js";
import { shareOf } from "../arranging/unit_order.js";

/** @param {any} data @param {number} row of the probe @returns {Value[]} the picture, its truth, its prediction, whether that is right */
function pictureCells(data, row) {
  const { probe, class_names: names } = data;
  const said = (/** @type {any} */ classes) => (classes === undefined || classes === null ? null : className(names, classes));
  return [namePicture(data, row), said(probe?.labels?.[row]), said(probe?.predictions?.[row]), probe?.right?.[row] ?? null];
}

const PICTURE = ["picture", "truth", "prediction", "right"];
const LISTED = " | "; // between several in one cell

/** @type {Record<string, (data: any) => Table>} by kind of record */
const TABLES = {
  features: ({ units = [] }) => ({
    header: ["name", "channel", "status", "activation", "probe_mean", "probe_max", "activation_over_probe_max"],
    rows: units.map((/** @type {any} */ unit) => [unit.name, unit.channel, unit.status, unit.activation, unit.probe_mean, unit.probe_max, shareOf(unit)]),
  }),
  groups: ({ groups = [] }) => {
    const targets = [...new Set(groups.flatMap((/** @type {any} */ group) => Object.keys(group.effects ?? {})))];
    return {
      header: ["name", "share", "fires", "drift", "total_drift", "channels", ...targets.map((target) => `effect on ${target}`)],
      rows: groups.map((/** @type {any} */ group) => [
        group.name,
        group.share,
        group.fires,
        group.drift,
        group.total_drift,
        (group.channels ?? []).map((/** @type {any} */ one) => `${one.channel}: ${one.weight}`).join(LISTED),
        ...targets.map((target) => group.effects?.[target]),
      ]),
    };
  },
  attribution: (data) => ({
    header: [...PICTURE, "target", data.quantity ?? data.output?.quantity ?? "logit", "total"],
    rows: (data.pictures ?? []).map((/** @type {any} */ picture) => [
      ...pictureCells(data, picture.probe),
      Number.isInteger(picture.target) ? className(data.class_names, picture.target) : data.target?.name,
      picture.logit,
      picture.total,
    ]),
  }),
  decision: (data) => ({
    header: [...PICTURE, "output", "score", "bias", "sentence"],
    rows: (data.pictures ?? []).flatMap((/** @type {any} */ picture) =>
      (picture.scores ?? []).map((/** @type {number} */ score, /** @type {number} */ place) => [
        ...pictureCells(data, picture.probe),
        picture.classes ? className(data.class_names, picture.classes[place]) : data.target?.name,
        score,
        picture.biases?.[place],
        picture.sentence,
      ]),
    ),
  }),
  dictionary: ({ words = [] }) => ({
    header: ["name", "channel", "positions"],
    rows: words.map((/** @type {any} */ word) => [word.name, word.channel, word.count]),
  }),
  concepts: ({ tests = [] }) => {
    const header = [...new Set(tests.flatMap(Object.keys))];
    const cell = (/** @type {any} */ value) =>
      Array.isArray(value) ? value.join(LISTED) : value !== null && typeof value === "object" ? JSON.stringify(value) : value;
    return { header, rows: tests.map((/** @type {any} */ row) => header.map((name) => cell(row[name]))) };
  },
};

/** @param {TabRecord<any>} record @returns {Table|null} null for a kind without a table, or where it would be empty */
export function tableOf({ kind, data }) {
  const table = Object.hasOwn(TABLES, kind) ? TABLES[kind](data) : null;
  return table?.rows.length ? table : null;
}

/** @param {TabRecord<any>} record @returns {string} JSON of what was recorded, without its pictures */
export function jsonOf({ kind, layer, step, title, data }) {
  return `${JSON.stringify({ kind, layer, step, title, data }, null, 1)}\n`;
}
