/**
 * One decision, explained: the picture, what it was taken for, and the graph from its regions to that.
 *
 * @import { Ctx, ShownSeries } from "../model.js"
 * @import { DecisionData, TabRecord } from "../records.js"
 * @import { Asked, Decided, Node } from "../decision/numbers/decision_numbers.js"
 */
import { html, useMemo, useState } from "../vendor/preact-htm.js";
import {
  chosenClasses,
  decides,
  describeOutput,
  nameNode,
  pruneDecision,
  readDecision,
  sayOutput,
  scoreDecision,
  subtract,
} from "../decision/numbers/decision_numbers.js";
import { PictureTools } from "../arranging/arrange_tools.js";
import { DecisionHead, Strip } from "../decision/decision_head.js";
import { Graph } from "../decision/graph_drawing.js";
import { NodeDetail, Strongest } from "../decision/node_detail.js";
import { ChannelTables } from "../decision/channel_table.js";
import { calledIn, givenTo } from "../decision/node_look.js";
import { EdgeTable } from "../decision/edge_table.js";
import { PositionsRow } from "../decision/positions_row.js";
import { comparedStep, tellSame } from "../comparing/compared.js";
import { className, namePicture, percent, plural, whole } from "../format.js";
import { useRecord } from "../model.js";
import { Layer, Message, Select, Term } from "../drawing/parts.js";
import { Lead } from "../words/lead.js";
import { Decisions } from "./view_decisions.js";

const LEAD = "What led from a picture to the output of the network, and what would change it.";
const EDGES =
  "An edge is what its source puts into its target directly, past the layers between. How wide it is says how much of " +
  "all that goes into the target. Dashed: taking the source out contradicts it.";
const TRUST =
  "Followed back from the output to the input along the edges, so much of the way passes through groups that have a " +
  "name; the others lead through what the groups leave over.";

const EACH = { title: "what each is taken for", second: "the next" }; // two decisions about different classes

/** @param {{ctx: Ctx}} props */
export function DecisionView({ ctx }) {
  return html`
    <${Lead} about="decisions">
      ${LEAD}
      <${PictureTools} ctx=${ctx} series=${ctx.series.decision[0] ?? ctx.series.attribution[0]} />
    <//>
    ${ctx.series.decision.map(
      (series) => html`
        <${Layer} key=${series.tag} ctx=${ctx} series=${series} title="One decision">
          ${(/** @type {TabRecord<DecisionData>} */ record) => html`
            <${Decision} key=${ctx.run} ctx=${ctx} series=${series} record=${record} />
          `}
        <//>
      `,
    )}
    ${
      ctx.series.attribution.length > 0 &&
      html`
        <section class="layer" aria-label="All pictures">
          ${
            ctx.series.decision.length > 0 &&
            html`
              <header class="layer-head"><h2>All pictures, layer by layer</h2></header>
            `
          }
          <${Decisions} ctx=${ctx} />
        </section>
      `
    }
  `;
}

/**
 * What is chosen, as the address says it.
 * @param {Ctx} ctx
 * @param {DecisionData} data
 * @returns {{rows: number[], chosen: string, asked: Asked, pins: number[], node: number|null, gone: string[]}} `gone`:
 *   what the address names and the record lacks, such as that of another run, in sentences
 */
function readChoice(ctx, data) {
  const { picture, target, against, node, pins } = ctx.choice;
  const { pictures = [], nodes = [] } = data;
  const rows = rowsOf(data, picture);
  const index = (/** @type {string} */ text) => (/^\d+$/.test(text ?? "") ? Number(text) : null);
  const named = (/** @type {string} */ text) => {
    const found = nodes.findIndex((one) => nameNode(one) === text);
    return found < 0 ? null : found;
  };
  const alone = against === "alone" || !decides(data); // numbers of a regression have no rank: none is the next
  const lost = [node, ...(pins ?? "").split("|")].filter((name) => name && named(name) === null);
  return {
    rows: rows.length ? rows : pictures.slice(0, 1).map((_, row) => row),
    chosen: (rows.length && picture) || "0",
    asked: { target: index(target), against: index(against) ?? (alone ? "alone" : "next") },
    node: named(node),
    pins: (pins ?? "").split("|").flatMap((name) => named(name) ?? []),
    gone: [
      ...(rows.length ? [] : ["The picture that was chosen is not among those that are explained here: this is the first."]),
      ...[...new Set(lost)].map((name) => `Node ${name} is not in this graph.`),
    ],
  };
}

/** @param {DecisionData} data @param {string} picture a row, or "class 3" @returns {number[]} the rows that it stands for */
function rowsOf({ pictures = [] }, picture) {
  const group = /^class (\d+)$/.exec(picture ?? "");
  if (group)
    return pictures.flatMap(({ classes }, row) => (classes && classes[0] === Number(group[1]) ? [row] : []));
  const row = Number(picture || 0);
  return pictures[row] ? [row] : [];
}

/** @param {{ctx: Ctx, series: ShownSeries, record: TabRecord<DecisionData>}} props */
function Decision({ ctx, series, record }) {
  const { data } = record;
  const { rows, chosen, asked, node, pins, gone } = readChoice(ctx, data);
  const [shares, setShares] = useState({ nodes: 0.8, edges: 0.98 });
  const [what, setWhat] = useState(/** @type {"off"|"doubled"|"like"|null} */ (null));
  const { other, refused } = useOther(ctx, series, record, rows, asked);
  const mine = useMemo(() => readDecision(data, rows, asked), [record, chosen, asked.target, asked.against]);
  if (!data.pictures?.length || !data.nodes?.length)
    return html`
      <${Message}>No graph was recorded: the notes below say why.<//>
    `;
  const head = html`
    <${Strip} ctx=${ctx} record=${record} chosen=${chosen} />
    ${gone.map(
      (sentence) => html`
        <${Message} key=${sentence}>${sentence}<//>
      `,
    )}
  `;
  if (!mine)
    return html`
      ${head}
      <${DecisionHead} ctx=${ctx} record=${record} rows=${rows} asked=${asked} mine=${null} node=${null} what=${null} />
      <${Message}>These two classes were not recorded together for this picture: choose others.<//>
    `;
  const kept = pruneDecision(mine, shares.nodes, shares.edges);
  const decided = other ? subtract(other.decided, mine) : mine;
  const difference = other ? (other.isA ? "difference B − A" : "difference") : "";
  const trust = scoreDecision(mine, null);
  const mark = (/** @type {Node} */ one) => calledIn(ctx, data, one);
  const own = describeOutput(data, rows, asked);
  const output = other && sayOutput(other.output) !== sayOutput(own) ? EACH : own;
  const select = (/** @type {number|null} */ id) => {
    setWhat(null);
    ctx.choose({ node: id === null ? "" : nameNode(mine.nodes[id]) });
  };
  const pin = (/** @type {number} */ id) => {
    const next = pins.includes(id) ? pins.filter((one) => one !== id) : [...pins, id];
    ctx.choose({ pins: next.map((one) => nameNode(mine.nodes[one])).join("|") });
  };
  const edges = kept.edges.flat().filter(Boolean).length;
  return html`
    ${head}
    <${DecisionHead}
      ctx=${ctx}
      record=${record}
      rows=${rows}
      asked=${asked}
      mine=${mine}
      node=${node}
      what=${what}
    />
    <div class="card decision-graph">
      <div class="graph-tools">
        <span class="key">
          <span><i class="swatch plus" /> ${other ? "the difference points" : "pushes"} toward ${output.title}</span>
          <span><i class="swatch minus" /> ${other ? "the difference points" : "pushes"} against it</span>
          <span><${Term} tip=${EDGES}>how to read the edges<//></span>
        </span>
        <span class="space" />
        <${Share} label="nodes" value=${shares.nodes} onChange=${(/** @type {number} */ nodes) => setShares({ ...shares, nodes })} />
        <${Share} label="edges" value=${shares.edges} onChange=${(/** @type {number} */ edges) => setShares({ ...shares, edges })} />
        <${Beside} ctx=${ctx} record=${record} chosen=${chosen} own=${other?.isA ? `${other.name} (A)` : "nothing"} />
      </div>
      ${
        other &&
        html`
          <p class="graph-difference">
            <b>Shown is the ${difference}: ${other.shown} less ${other.name}.</b>${" "}
            ${output === EACH && `Each is about classes of its own: ${sayOutput(own)}; ${sayOutput(other.output)}.`}
            ${node !== null && `The numbers of the selected node are those of ${other.shown} alone.`}
          </p>
        `
      }
      ${refused && html`<p class="graph-difference">${refused}</p>`}
      <${Graph}
        record=${record}
        decided=${decided}
        rows=${rows}
        kept=${other ? keepAll(decided) : kept}
        output=${output}
        difference=${Boolean(other)}
        selected=${node}
        pins=${pins}
        label=${mark}
        given=${(/** @type {Node} */ one) => givenTo(ctx, data, one) !== null}
        onSelect=${select}
        onPin=${pin}
      />
      <p class="graph-trust quiet">
        ${
          other
            ? "All that differs is shown, whatever share it carries."
            : edges === 0
            ? "No edge carries anything: nothing in these layers changes this output."
            : html`
                ${plural(edges, "edge")} of ${whole(mine.edges.length)} shown: ${plural(
                  kept.nodes.filter(Boolean).length - 1,
                  "node",
                )} that carry ${percent(shares.nodes)} of the influence, edges that carry ${percent(shares.edges)} of what
                is between them.${" "}
                <${Term} tip=${TRUST}>${percent(trust.replacement)} of the way back to the input has a name<//>; of what
                goes into a node ${percent(trust.completeness)}.
              `
        }
        ${
          ctx.compared?.own &&
          record.step !== ctx.step &&
          comparedStep(ctx.compared, series.steps) === record.step &&
          ` ${tellSame(record.step)}`
        }
        ${
          ctx.compared &&
          !ctx.compared.own &&
          " The groups of another run are others: its graph is not laid over this one."
        }
        ${
          pins.length > 0 &&
          html`
            ${" "}
            <b>Your ${plural(pins.length, "group")} carry ${percent(scoreDecision(mine, pins).replacement)} of this decision.</b>
          `
        }
        ${
          mine.missing > 0 &&
          html`
            ${" "}${plural(mine.missing, "picture")} left out: these classes were not recorded for them.
          `
        }
      </p>
    </div>
    <div class="decision-below">
      ${
        node === null
          ? html`
              <${Strongest} decided=${decided} label=${mark} onSelect=${select} output=${output}
                difference=${difference} />
            `
          : html`
              <${NodeDetail}
                ctx=${ctx}
                record=${record}
                decided=${mine}
                node=${mine.nodes[node]}
                rows=${rows}
                label=${mark}
                output=${output}
                what=${what}
                onWhat=${setWhat}
                onSelect=${select}
              />
            `
      }
      <${EdgeTable} decided=${decided} label=${mark} output=${output} difference=${difference} />
      ${
        rows.length === 1 &&
        html`
          <${PositionsRow} record=${record} row=${rows[0]} asked=${asked} title=${sayOutput(own)} />
          <${ChannelTables} record=${record} row=${rows[0]} asked=${asked} output=${own} />
        `
      }
    </div>
  `;
}

/** @param {Decided} decided @returns {{nodes: boolean[], edges: boolean[][]}} */
function keepAll({ nodes }) {
  const all = [...nodes.map(() => true), true];
  return { nodes: all, edges: all.map(() => all) };
}

/** @param {{label: string, value: number, onChange: (value: number) => void}} props */
function Share({ label, value, onChange }) {
  return html`
    <label class="share-choice quiet">
      ${label}
      <input
        type="range"
        min="0.3"
        max="1"
        step="0.01"
        value=${value}
        aria-label=${`Share that the shown ${label} carry`}
        aria-valuetext=${percent(value)}
        onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.stopPropagation()}
        onInput=${(/** @type {any} */ event) => onChange(Number(event.target.value))}
      />
      <span>${percent(value)}</span>
    </label>
  `;
}

/**
 * The decision that is taken from this one, if one is laid over it, and what it is about.
 * @param {Ctx} ctx
 * @param {ShownSeries} series
 * @param {TabRecord<DecisionData>} shown
 * @param {number[]} mine rows of it
 * @param {Asked} asked
 * @returns {{other: {decided: Decided, output: {title: string, second: string}, name: string, shown: string,
 *   isA: boolean}|null, refused: string}} `name` of it and of what is shown; why it is not laid over, if it cannot be
 */
function useOther(ctx, series, shown, mine, asked) {
  const { beside, picture } = ctx.choice;
  const found = /^(picture|class) (\d+)$/.exec(beside ?? "");
  const at = !found && ctx.compared?.own ? comparedStep(ctx.compared, series.steps) : null; // of another run groups are others
  const step = found ? shown.step : at;
  const { record } = useRecord(ctx.store, ctx.run, series.tag, step);
  if (step === null || record?.step !== step) return { other: null, refused: "" };
  const data = /** @type {DecisionData} */ (record.data);
  const names = (/** @type {DecisionData} */ { nodes = [] }) => nodes.map(nameNode).join("|");
  const rows = found?.[1] === "picture" ? [Number(found[2])] : rowsOf(data, found ? beside : picture);
  if (step === shown.step && (!found || rows.join() === mine.join())) return { other: null, refused: "" };
  const say = (/** @type {number} */ at) => `step ${whole(at)}`;
  const [name, own] = found ? [nameRows(data, rows), nameRows(shown.data, mine)] : [say(step), say(shown.step)];
  const same = names(data) === names(shown.data);
  const decided = same && rows.length ? readDecision(data, rows, asked) : null;
  if (decided) return { other: { decided, output: describeOutput(data, rows, asked), name, shown: own, isA: !found }, refused: "" };
  const why = !same ? "has other nodes" : rows.length ? "lacks these classes" : "lacks this picture";
  return { other: null, refused: `No difference is shown: the graph of ${name} ${why}.` };
}

/** @param {DecisionData} data @param {number[]} rows @returns {string} one picture by its name, several as a mean */
const nameRows = (data, rows) =>
  rows.length === 1 ? namePicture(data, rows[0]) : `the mean of ${plural(rows.length, "picture")}`;

/**
 * @param {{ctx: Ctx, record: TabRecord<DecisionData>, chosen: string, own: string}} props what of this step to lay over the graph:
 *   anything but what is shown; `own`: what it is if nothing is chosen here
 */
function Beside({ ctx, record, chosen, own: unchosen }) {
  const { pictures = [], class_names: names } = record.data;
  const classes = chosenClasses(record.data);
  /** @type {[string, string[][]][]} */
  const groups = [
    ["another picture", pictures.map((_, row) => [`picture ${row}`, namePicture(record.data, row)])],
    ["the mean of a class", classes.length > 1 ? classes.map((index) => [`class ${index}`, className(names, index)]) : []],
  ];
  const own = [`picture ${chosen}`, chosen];
  return html`
    <label class="choice">
      <span>lay over it</span>
      <${Select}
        label="Lay over this graph"
        value=${ctx.choice.beside}
        options=${[["", unchosen]]}
        groups=${groups.map(([title, some]) => [title, some.filter(([value]) => !own.includes(value))])}
        onChange=${(/** @type {string} */ beside) => ctx.choose({ beside })}
      />
    </label>
  `;
}
