/**
 * Pictures of a node: what it looks for, and where it fires.
 *
 * @import { DecisionData, GraphNode, Sheet, TabRecord } from "../records.js"
 */
import { html } from "../vendor/preact-htm.js";
import { Cell, GroupMap } from "../drawing/canvas.js";
import { useSheet } from "../model.js";
import { colorsIn } from "./node_look.js";
import { layerOf } from "./numbers/decision_numbers.js";

/**
 * One cell of a sheet of a record. A picture is loaded once, however many ask for it.
 * @param {{record: TabRecord<DecisionData>, sheet: Sheet|null|undefined, index: number, size: number, label: string}} props
 */
export function RecordCell({ record, sheet, ...cell }) {
  return html`
    <${Cell} sheet=${useSheet(record, sheet)} ...${cell} />
  `;
}

/** @param {{record: TabRecord<DecisionData>, node: GraphNode, row: number, size: number, label: string}} props */
export function NodeMap({ record, node, row, size, label }) {
  const { data } = record;
  const large = useSheet(record, data.large);
  const maps = useSheet(record, layerOf(data, node)?.maps);
  return html`
    <${GroupMap}
      thumbnails=${large}
      index=${row}
      maps=${maps}
      colors=${colorsIn(data, node.layer)}
      only=${node.index}
      size=${size}
      label=${label}
    />
  `;
}
