/**
 * The graph of a decision: regions of the input, groups of each layer, the output; signed edges between them.
 *
 * @import { Decided, Edge, Node } from "./numbers/decision_numbers.js"
 * @import { DecisionData, TabRecord } from "../records.js"
 */
import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { number, plural, signed } from "../format.js";
import { GivenMark } from "../groups/names/group_name.js";
import { styleOf } from "./node_look.js";
import { NodeMap, RecordCell } from "./node_pictures.js";
import { layerOf, nodesOf, sumInto } from "./numbers/decision_numbers.js";

const GAP = 8; // between nodes of a column
const NODE = { width: 214, height: 58 };
const INPUT = 150; // side of the picture at the left
const OUTPUT = { width: 140, height: 104 };
const HEAD = 26; // of a column
const WIDEST = 13; // stroke of an edge that is all that goes into its target

/**
 * @typedef {object} Box where a node is drawn
 * @property {number} x
 * @property {number} y
 * @property {number} width
 * @property {number} height
 *
 * @param {DecisionData} data
 * @param {number} width of the drawing
 * @returns {{boxes: Box[], columns: {name: string, x: number, width: number}[], height: number, width: number,
 *   picture: Box|null}} boxes of all nodes, the output's last; `picture` is the input as a whole
 */
function placeNodes(data, width) {
  const { nodes = [], layers = [], regions = [] } = data;
  const counts = layers.map(({ layer }) => nodesOf(data, layer).length);
  const tallest = Math.max(...counts, 1) * (NODE.height + GAP) - GAP;
  const tall = Math.max(tallest, regions.length ? INPUT : 0, OUTPUT.height);
  const widths = [...(regions.length ? [INPUT] : []), ...layers.map(() => NODE.width), OUTPUT.width];
  const wide = Math.max(width, widths.reduce((sum, one) => sum + one, 0) + 64 * (widths.length - 1));
  const gap = widths.length > 1 ? (wide - widths.reduce((sum, one) => sum + one, 0)) / (widths.length - 1) : 0;
  let x = 0;
  const lefts = widths.map((one) => {
    const left = x;
    x += one + gap;
    return left;
  });
  const middle = HEAD + tall / 2;
  const picture = regions.length ? { x: 0, y: middle - INPUT / 2, width: INPUT, height: INPUT } : null;
  const boxes = nodes.map((node) => {
    if (node.layer === "input") {
      const [top, left, bottom, right] = regions[node.index];
      return {
        x: left * INPUT,
        y: middle - INPUT / 2 + top * INPUT,
        width: (right - left) * INPUT,
        height: (bottom - top) * INPUT,
      };
    }
    const column = layers.findIndex(({ layer }) => layer === node.layer);
    const used = counts[column] * (NODE.height + GAP) - GAP;
    return {
      x: lefts[column + (regions.length ? 1 : 0)],
      y: middle - used / 2 + node.index * (NODE.height + GAP),
      ...NODE,
    };
  });
  boxes.push({ x: lefts[lefts.length - 1], y: middle - OUTPUT.height / 2, ...OUTPUT });
  const names = [...(regions.length ? ["input"] : []), ...layers.map(({ layer }) => layer), "output"];
  const columns = names.map((name, index) => ({ name, x: lefts[index], width: widths[index] }));
  return { boxes, columns, height: HEAD + tall + 6, width: wide, picture };
}

/**
 * @param {{record: TabRecord<DecisionData>, decided: Decided, rows: number[],
 *   kept: {nodes: boolean[], edges: boolean[][]},
 *   output: {title: string, second: string}, difference: boolean, selected: number|null, pins: number[],
 *   label: (node: Node) => string, given: (node: Node) => boolean,
 *   onSelect: (node: number|null) => void, onPin: (node: number) => void}} props
 */
export function Graph({ record, decided, rows, kept, output, difference, selected, pins, label, given, onSelect, onPin }) {
  const { data } = record;
  const ref = useRef(/** @type {any} */ (null));
  const [width, setWidth] = useState(900);
  const [pointed, setPointed] = useState(/** @type {number|null} */ (null));
  useEffect(() => {
    const observer = new ResizeObserver(() => setWidth(ref.current.clientWidth));
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  const drawing = placeNodes(data, width);
  const focus = pointed ?? selected;
  const end = decided.nodes.length;
  const shown = decided.edges.filter(
    (edge) => kept.edges[edge.target][edge.source] || edge.source === selected || edge.target === selected,
  );
  const into = sumInto(shown, end);
  const most = Math.max(...decided.nodes.filter((node) => node.kind !== "input").map((node) => Math.abs(node.off)), 1e-9);
  const near = new Set(
    focus === null ? [] : shown.flatMap((edge) => (edge.source === focus || edge.target === focus ? [edge.source, edge.target] : [])),
  );
  const single = rows.length === 1 ? rows[0] : null;
  return html`
    <div class="graph-scroll" ref=${ref}>
      <div class="graph" style=${{ height: `${drawing.height}px`, width: `${drawing.width}px` }}>
        ${drawing.columns.map(
          ({ name, x, width: wide }) => html`
            <span class="graph-column" style=${{ left: `${x}px`, width: `${wide}px` }} title=${name}>${name}</span>
          `,
        )}
        <svg width=${drawing.width} height=${drawing.height} aria-hidden="true">
          ${shown.map((edge) => {
            const touched = focus === null || edge.source === focus || edge.target === focus;
            const share = into[edge.target] > 0 ? Math.abs(edge.value) / into[edge.target] : 0;
            return html`
              <path
                class="edge ${edge.value >= 0 ? "for" : "against"} ${touched ? "" : "faint"}"
                d=${curve(drawing.boxes[edge.source], drawing.boxes[edge.target], decided.nodes[edge.source].kind)}
                stroke-width=${Math.max(0.8, WIDEST * Math.sqrt(share))}
                stroke-opacity=${touched ? 0.22 + 0.6 * Math.sqrt(share) : 0.05}
                stroke-dasharray=${edge.contradicted ? "3 5" : ""}
              >
                <title>${describeEdge(edge, decided, label)}</title>
              </path>
            `;
          })}
        </svg>
        ${
          drawing.picture &&
          html`
            <div class="graph-input" style=${position(drawing.picture)}>
              ${
                single !== null
                  ? html`
                      <${RecordCell} record=${record} sheet=${data.large} index=${single} size=${INPUT} label="The picture" />
                    `
                  : html`
                      <span class="graph-mean">mean of ${plural(rows.length, "picture")}</span>
                    `
              }
            </div>
          `
        }
        ${decided.nodes.map((node, id) => {
          const alive = kept.nodes[id];
          const dim = focus !== null && focus !== id && !near.has(id);
          const common = {
            "aria-pressed": selected === id,
            onPointerEnter: () => setPointed(id),
            onPointerLeave: () => setPointed(null),
            onFocus: () => setPointed(id),
            onBlur: () => setPointed(null),
            onClick: () => onSelect(selected === id ? null : id),
            "aria-label": `${node.layer}, ${label(node)}: carries ${signed(-node.off)}, ${signed(node.push)} of it directly`,
          };
          if (node.kind === "input")
            return html`
              <button
                key=${id}
                class="region"
                style=${{ ...position(drawing.boxes[id]), "--tint": tint(node, decided) }}
                ...${common}
              />
            `;
          const layer = layerOf(data, node);
          const icons = node.kind === "group" && (layer?.icons ?? layer?.crops);
          return html`
            <div
              key=${id}
              class="node ${node.kind} ${alive ? "" : "pruned"} ${dim ? "dim" : ""}"
              style=${{ ...position(drawing.boxes[id]), "--group": styleOf(data, node) }}
            >
              <button class="node-body" ...${common}>
                ${
                  icons &&
                  html`
                    <span class="node-picture">
                      <${RecordCell} record=${record} sheet=${icons} index=${node.index} size=${44}
                        label=${`What ${label(node)} looks for`} />
                    </span>
                  `
                }
                ${
                  single !== null &&
                  html`
                    <span class="node-picture">
                      <${NodeMap} record=${record} node=${node} row=${single} size=${44} label=${`Where ${label(node)} fires`} />
                    </span>
                  `
                }
                <span class="node-text">
                  <span class="node-name" title=${label(node)}>${given(node) && html`<${GivenMark} group=${node} />`}${label(node)}</span>
                  <b class=${node.off <= 0 ? "toward" : "away"} title="What the output loses without it, measured">
                    ${signed(-node.off || 0)}
                  </b>
                  <span class="node-bar">
                    <i
                      class=${node.off <= 0 ? "plus" : "minus"}
                      style=${{ width: `${Math.min(100, (100 * Math.abs(node.off)) / most)}%` }}
                    />
                  </span>
                </span>
              </button>
              ${
                node.kind === "group" &&
                html`
                  <button
                    class="pin"
                    aria-pressed=${pins.includes(id)}
                    aria-label=${`Pin ${label(node)}`}
                    title="Pin: how much of the decision do the pinned groups carry?"
                    onClick=${() => onPin(id)}
                  >
                    ${pins.includes(id) ? "★" : "☆"}
                  </button>
                `
              }
            </div>
          `;
        })}
        <div class="graph-output card" style=${position(drawing.boxes[end])}>
          <span class="quiet">${output.title}</span>
          <b>${difference ? signed(decided.score) : number(decided.score)}</b>
          <span class="quiet">${output.second && `rather than ${output.second}`}</span>
        </div>
      </div>
    </div>
  `;
}

/** @param {Box} box @returns {Record<string, string>} */
const position = ({ x, y, width, height }) => ({
  left: `${x}px`,
  top: `${y}px`,
  width: `${width}px`,
  height: `${height}px`,
});

/** @param {Node} node @param {Decided} decided @returns {string} color of a region by what it does to the output */
function tint(node, decided) {
  const most = Math.max(...decided.nodes.filter(({ kind }) => kind === "input").map(({ off }) => Math.abs(off)), 1e-9);
  const share = Math.round((70 * Math.abs(node.off)) / most);
  return `color-mix(in srgb, var(${node.off <= 0 ? "--plus" : "--minus"}) ${share}%, transparent)`;
}

/** @param {Box} from @param {Box} to @param {string} kind of the source @returns {string} path of an edge */
function curve(from, to, kind) {
  const x0 = kind === "input" ? from.x + from.width / 2 : from.x + from.width;
  const [y0, x1, y1] = [from.y + from.height / 2, to.x, to.y + to.height / 2];
  const bend = (x1 - x0) / 2;
  return `M${x0},${y0} C${x0 + bend},${y0} ${x1 - bend},${y1} ${x1},${y1}`;
}

/** @param {Edge} edge @param {Decided} decided @param {(node: Node) => string} label @returns {string} */
function describeEdge(edge, { nodes }, label) {
  const target = nodes[edge.target] ? label(nodes[edge.target]) : "the output";
  const proof = `taken out: ${signed(-edge.proof)}${edge.contradicted ? " (contradicts it)" : ""}`;
  return `${label(nodes[edge.source])} into ${target}: ${signed(edge.value)}; ${proof}`;
}
