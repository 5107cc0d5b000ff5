/**
 * One node of the graph: what it is, what it does, what if it were otherwise; and without one, the strongest of all.
 *
 * @import { Ctx } from "../model.js"
 * @import { DecisionData, TabRecord } from "../records.js"
 * @import { Decided, Edge, Node } from "./numbers/decision_numbers.js"
 */
import { html } from "../vendor/preact-htm.js";
import { namePicture, number, signed } from "../format.js";
import { Facts, SignedBar, Term } from "../drawing/parts.js";
import { GroupName } from "../groups/names/group_name.js";
import { groupsOf } from "./node_look.js";
import { RecordCell } from "./node_pictures.js";
import { layerOf, sayOutput } from "./numbers/decision_numbers.js";

const DIRECT = "What it puts into the output past all layers between, to first order.";
const PROOF = "By how much the output changes when the node is taken out, the layers between held where they are.";
const TOTAL = "How the output changes when the node is switched off in the network itself, all that follows following.";
const WHATS = /** @type {const} */ (["off", "doubled", "like"]);
const MOST = 8; // lines of a list

/**
 * @param {{decided: Decided, label: (node: Node) => string, output: {title: string, second: string},
 *   difference: string, onSelect: (id: number) => void}} props `difference` as of the table of edges
 */
export function Strongest({ decided, label, output, difference, onSelect }) {
  const groups = decided.nodes.filter((node) => node.kind === "group");
  const order = [...groups].sort((a, b) => Math.abs(b.off) - Math.abs(a.off)).slice(0, MOST);
  const most = Math.max(...order.map((node) => Math.abs(node.off)), 1e-9);
  return html`
    <section class="card node-detail" aria-label="The strongest groups">
      <h3>
        Switched off one at a time: what becomes of ${sayOutput(output)}${difference && `, ${difference}`}
      </h3>
      <ul class="effects wide">
        ${order.map(
          (node) => html`
            <li key=${node.id}>
              <button class="link effect-name" onClick=${() => onSelect(node.id)}>${node.layer}, ${label(node)}</button>
              <${SignedBar} value=${node.off} most=${most} />
              <span class="effect-value">${signed(node.off)}</span>
            </li>
          `,
        )}
      </ul>
      <p class="caption">
        ${difference ? `Both measured in the network; told is the ${difference}.` : "Measured in the network."} Select a node
        of the graph to see what it is and what leads to it.
      </p>
    </section>
  `;
}

/**
 * @param {{ctx: Ctx, record: TabRecord<DecisionData>, decided: Decided, node: Node, rows: number[],
 *   label: (node: Node) => string, output: {title: string, second: string}, what: "off"|"doubled"|"like"|null,
 *   onWhat: (what: "off"|"doubled"|"like"|null) => void, onSelect: (id: number|null) => void}} props
 */
export function NodeDetail({ ctx, record, decided, node, rows, label, output, what, onWhat, onSelect }) {
  const { data } = record;
  const { icons, crops } = (node.kind === "group" && layerOf(data, node)) || {};
  const into = decided.edges.filter((edge) => edge.target === node.id).reverse();
  const outOf = decided.edges.filter((edge) => edge.source === node.id).sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const partner = rows.length === 1 ? data.pictures?.[rows[0]]?.partner : undefined;
  const words = {
    off: "off",
    doubled: "doubled",
    like: `as in ${partner === undefined ? "the partner pictures" : namePicture(data, partner)}`,
  };
  // what the edges foretell along all ways, a change of a node being passed on in proportion
  const foretold = foretell(decided, node.id);
  return html`
    <section class="card node-detail" aria-label=${`${node.layer}, ${label(node)}`}>
      <header>
        <h3>
          ${node.layer},${" "}
          ${
            node.kind === "group"
              ? html`
                  <${GroupName} key=${node.id} ctx=${ctx} layer=${node.layer} groups=${groupsOf(data, node.layer)} index=${node.index} />
                `
              : label(node)
          }
        </h3>
        <span class="space" />
        <button class="icon-button" aria-label="Select no node" onClick=${() => onSelect(null)}>✕</button>
      </header>
      <div class="node-facts">
        ${
          icons &&
          html`
            <figure>
              <${RecordCell} record=${record} sheet=${icons} index=${node.index} size=${96}
                label=${`What ${label(node)} looks for`} />
              <figcaption>what it looks for</figcaption>
            </figure>
          `
        }
        ${
          crops &&
          html`
            <figure>
              <${RecordCell} record=${record} sheet=${crops} index=${node.index} size=${96}
                label=${`Where ${label(node)} fires most`} />
              <figcaption>its best probe crop</figcaption>
            </figure>
          `
        }
        <${Facts}
          facts=${[
            ["directly", signed(node.push), DIRECT],
            ["taken out, past layers held", signed(-node.proof), PROOF],
            ["switched off", signed(node.off), TOTAL],
            node.kind === "group" && ["how much of it is there", number(node.value)],
            node.kind === "group" && ["of that from biases and bends", signed(node.bias)],
            node.channels && ["channels", node.channels.map(({ channel }) => channel).join(", ")],
          ]}
        />
      </div>
      <div class="what-if">
        <span>What if it were</span>
        ${WHATS.map(
          (one) => html`
            <button class="chip-button" aria-pressed=${what === one} onClick=${() => onWhat(what === one ? null : one)}>
              ${words[one]}
            </button>
          `,
        )}
        ${
          what &&
          html`
            <span>
              measured <b>${signed(node[what])}</b>
              ${
                what !== "like" &&
                html`
                  , by the edges ${signed(what === "off" ? -foretold : foretold)}
                `
              }
              ${" "}for ${sayOutput(output)}
            </span>
          `
        }
      </div>
      <div class="edge-lists">
        <${Lines} title="what leads to it" edges=${into} of="source" decided=${decided} label=${label} onSelect=${onSelect}
          output=${output} />
        <${Lines} title="where it leads" edges=${outOf} of="target" decided=${decided} label=${label} onSelect=${onSelect}
          output=${output} />
      </div>
    </section>
  `;
}

/** @param {Decided} decided @param {number} id @returns {number} what the node puts into the output along all ways */
function foretell({ nodes, edges }, id) {
  const share = nodes.map(() => 0);
  share[id] = 1;
  let total = 0;
  for (let target = id + 1; target <= nodes.length; target++) {
    let change = 0;
    for (const edge of edges) if (edge.target === target && share[edge.source]) change += share[edge.source] * edge.value;
    if (target === nodes.length) total = change;
    else if (change && nodes[target].value) share[target] = change / nodes[target].value;
  }
  return total;
}

/**
 * @param {{title: string, edges: Edge[], of: "source"|"target", decided: Decided, label: (node: Node) => string,
 *   onSelect: (id: number) => void, output: {title: string}}} props
 */
function Lines({ title, edges, of, decided, label, onSelect, output }) {
  if (!edges.length) return null;
  return html`
    <div>
      <h3>${title}</h3>
      <ul class="edge-lines">
        ${edges.slice(0, MOST).map((edge) => {
          const other = decided.nodes[edge[of]];
          return html`
            <li key=${edge[of]}>
              ${
                other
                  ? html`
                      <button class="link" onClick=${() => onSelect(other.id)}>
                        ${other.kind === "input" ? "" : `${other.layer}, `}${label(other)}
                      </button>
                    `
                  : html`
                      <span>${output.title}</span>
                    `
              }
              <span>${signed(edge.value)}</span>
              <span class="quiet">
                <${Term} tip=${PROOF}>proof<//> ${signed(-edge.proof)}${edge.contradicted ? " ⚠ contradicts it" : ""}
              </span>
            </li>
          `;
        })}
      </ul>
    </div>
  `;
}
