/**
 * The graph as a table.
 *
 * @import { Decided, Node } from "./numbers/decision_numbers.js"
 */
import { html } from "../vendor/preact-htm.js";
import { number, percent, plural } from "../format.js";
import { sayOutput, sumInto } from "./numbers/decision_numbers.js";

/**
 * @param {{decided: Decided, label: (node: Node) => string, output: {title: string, second: string},
 *   difference: string}} props `difference`: what to call it where the numbers are of one decision less another, else ""
 */
export function EdgeTable({ decided, label, output, difference }) {
  const { nodes, edges } = decided;
  const into = sumInto(edges, nodes.length);
  const name = (/** @type {number} */ id) => (nodes[id] ? `${nodes[id].layer}: ${label(nodes[id])}` : sayOutput(output));
  const rows = [...edges].sort((a, b) => b.target - a.target || Math.abs(b.value) - Math.abs(a.value));
  return html`
    <details class="edge-table">
      <summary>The same as a table (${plural(edges.length, "edge")})</summary>
      <div class="table-scroll" tabindex="0" role="region" aria-label="Table of edges">
        <table>
          <thead>
            <tr>
              <th scope="col">source</th>
              <th scope="col">target</th>
              <th scope="col">${difference ? `value, ${difference}` : "value"}</th>
              <th scope="col">${difference ? `taken out, ${difference}` : "taken out"}</th>
              <th scope="col">${difference ? "share of all differences" : "share"}</th>
              ${!difference && html`<th scope="col">proof</th>`}
            </tr>
          </thead>
          <tbody>
            ${rows.map(
              (edge) => html`
                <tr key=${`${edge.source} ${edge.target}`}>
                  <td>${name(edge.source)}</td>
                  <td>${name(edge.target)}</td>
                  <td>${number(edge.value)}</td>
                  <td>${number(-edge.proof)}</td>
                  <td>${percent(into[edge.target] ? Math.abs(edge.value) / into[edge.target] : 0)}</td>
                  ${!difference && html`<td>${edge.contradicted ? "contradicted" : ""}</td>`}
                </tr>
              `,
            )}
          </tbody>
        </table>
      </div>
    </details>
  `;
}
