/**
 * Which picture it is, what it was taken for and by how much, and what fires at a position of it.
 *
 * @import { Ctx } from "../model.js"
 * @import { DecisionData, DecisionPicture, GraphLayer, GraphNode, TabRecord } from "../records.js"
 * @import { Asked, Decided } from "./numbers/decision_numbers.js"
 */
import { html, useState } from "../vendor/preact-htm.js";
import { readLevel } from "../drawing/canvas.js";
import { ClassBars } from "../drawing/class_bars.js";
import { Swatch } from "../drawing/direction.js";
import { Select } from "../drawing/parts.js";
import { PictureStrip } from "../drawing/picture_strip.js";
import { TokenRow, readTokens } from "../drawing/token_row.js";
import { className, number, plural, quantityOf, signed } from "../format.js";
import { useSheet } from "../model.js";
import { calledIn, styleOf } from "./node_look.js";
import { NodeMap, RecordCell } from "./node_pictures.js";
import { chooseOutputs, chosenClasses, decides, layerOf, nameOutput, nodesOf } from "./numbers/decision_numbers.js";

const SIDE = 232; // of the picture that is looked at

/** @param {{ctx: Ctx, record: TabRecord<DecisionData>, chosen: string}} props the pictures to choose from */
export function Strip({ ctx, record, chosen }) {
  const { pictures = [], class_names: names } = record.data;
  const several = chosenClasses(record.data).filter(
    (index) => pictures.filter(({ classes }) => classes?.[0] === index).length > 1,
  );
  several.sort((a, b) => a - b);
  return html`
    <${PictureStrip}
      ctx=${ctx}
      record=${record}
      chosen=${Number(chosen)}
      verb="Explain"
      tip=${(/** @type {DecisionPicture} */ picture) => picture.sentence}
      onChoose=${(/** @type {number} */ row) => ctx.choose({ picture: String(row) })}
    />
    ${
      several.length > 0 &&
      html`
        <p class="means quiet">
          ${decides(record.data) ? "or the mean of all that were taken for" : "or the mean of"}${" "}
          ${several.map(
            (index) => html`
              <button
                class="chip-button"
                aria-pressed=${chosen === `class ${index}`}
                onClick=${() => ctx.choose({ picture: `class ${index}` })}
              >
                ${decides(record.data) ? className(names, index) : "all"}
              </button>
            `,
          )}
        </p>
      `
    }
  `;
}

/**
 * @param {{ctx: Ctx, record: TabRecord<DecisionData>, rows: number[], asked: Asked, mine: Decided|null,
 *   node: number|null, what: "off"|"doubled"|"like"|null}} props
 */
export function DecisionHead({ ctx, record, rows, asked, mine, node, what }) {
  const [place, setPlace] = useState(/** @type {{x: number, y: number}|null} */ (null));
  const { data } = record;
  const picture = rows.length === 1 ? data.pictures?.[rows[0]] : undefined;
  const chosen = node === null ? undefined : data.nodes?.[node];
  return html`
    <div class="card decision-head">
      ${
        picture &&
        html`
          <${Looked} ctx=${ctx} record=${record} row=${rows[0]} node=${chosen} place=${place} onPlace=${setPlace} />
        `
      }
      <div class="decision-said">
        <p class="finding">${picture ? capital(picture.sentence) : `The mean of ${plural(rows.length, "picture")}.`}</p>
        <${Question} ctx=${ctx} record=${record} rows=${rows} asked=${asked} />
        ${
          picture &&
          picture.classes &&
          html`
            <${DecisionBars} ctx=${ctx} record=${record} row=${rows[0]} asked=${asked} node=${node} what=${what} />
          `
        }
        ${
          !picture &&
          mine &&
          html`
            <p class="quiet">${quantityOf(record)}: ${signed(mine.score)} on average.</p>
          `
        }
      </div>
      ${
        picture &&
        html`
          <${Here} ctx=${ctx} record=${record} row=${rows[0]} place=${place} />
        `
      }
    </div>
  `;
}

/** @param {string} text @returns {string} */
const capital = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/**
 * The picture, with where the selected node is and a cursor.
 * @param {{ctx: Ctx, record: TabRecord<DecisionData>, row: number, node: GraphNode|undefined, place: {x: number, y: number}|null,
 *   onPlace: (place: {x: number, y: number}|null) => void}} props
 */
function Looked({ ctx, record, row, node, place, onPlace }) {
  const { data } = record;
  const layer = node && layerOf(data, node);
  const maps = useSheet(record, layer?.maps);
  const tokens = data.tokens?.[row];
  const box = node?.layer === "input" ? data.regions?.[node.index] : undefined;
  const move = (/** @type {any} */ event) => {
    const { left, top, width, height } = event.currentTarget.getBoundingClientRect();
    onPlace({ x: (event.clientX - left) / width, y: (event.clientY - top) / height });
  };
  const step = (/** @type {KeyboardEvent} */ event) => {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    event.stopPropagation(); // the arrows move the cursor, not the step
    const clip = (/** @type {number} */ value) => Math.min(0.999, Math.max(0, value));
    const at = place ?? { x: 0.5, y: 0.5 };
    const steps = tokens?.length ?? 16;
    onPlace({ x: clip(at.x + dx / steps), y: clip(at.y + dy / steps) });
  };
  if (tokens) {
    const first = node && layer ? row * nodesOf(data, node.layer).length + node.index : -1;
    const levels = first < 0 ? null : readTokens(maps, first, -1, false);
    return html`
      <${TokenRow}
        tokens=${tokens}
        levels=${levels}
        color=${(node && styleOf(data, node)) || "var(--quiet)"}
        tip=${(/** @type {number} */ token) => (levels ? number(levels[token]) : "")}
        at=${place ? Math.floor(place.x * tokens.length) : null}
        onPoint=${(/** @type {number} */ token) => onPlace({ x: (token + 0.5) / tokens.length, y: 0 })}
        tabindex="0"
        role="application"
        aria-label="The tokens: point at one, or move with the arrow keys, to see what fires there"
        onPointerLeave=${() => onPlace(null)}
        onKeyDown=${step}
      />
    `;
  }
  return html`
    <div
      class="looked"
      tabindex="0"
      role="application"
      aria-label="The picture: point at a position, or move with the arrow keys, to see what fires there"
      onPointerMove=${move}
      onPointerLeave=${() => onPlace(null)}
      onKeyDown=${step}
    >
      ${
        layer
          ? html`
              <${NodeMap} record=${record} node=${node} row=${row} size=${SIDE}
                label=${`Where ${node && (calledIn(ctx, data, node))} of ${node?.layer} fires`} />
            `
          : html`
              <${RecordCell} record=${record} sheet=${data.large} index=${row} size=${SIDE} label="The picture" />
            `
      }
      ${
        box &&
        html`
          <i class="looked-box" style=${boxStyle(box)} />
        `
      }
      ${
        place &&
        html`
          <i class="looked-cursor" style=${{ left: `${place.x * 100}%`, top: `${place.y * 100}%` }} />
        `
      }
    </div>
  `;
}

/** @param {number[]} box top, left, bottom, right in 0..1 @returns {Record<string, string>} */
const boxStyle = ([top, left, bottom, right]) => ({
  top: `${top * 100}%`,
  left: `${left * 100}%`,
  width: `${(right - left) * 100}%`,
  height: `${(bottom - top) * 100}%`,
});

/** @param {{ctx: Ctx, record: TabRecord<DecisionData>, rows: number[], asked: Asked}} props why this and not that */
function Question({ ctx, record, rows, asked }) {
  const { data } = record;
  const known = [...new Set(rows.flatMap((row) => data.pictures?.[row]?.classes ?? []))];
  if (known.length < 2 || data.target) return null;
  const choices = known.map((index) => [String(index), nameOutput(data, index)]);
  const ranked = decides(data);
  const [target, against] = [String(asked.target ?? (ranked ? "" : known[0])), asked.against === "next" ? "" : String(asked.against)];
  const first = [...(ranked ? [["", "what it is taken for"]] : []), ...choices];
  const others = choices.filter(([value]) => value !== target || value === against);
  const second = [...(ranked ? [["", "the next"]] : []), ["alone", "(alone, no comparison)"], ...others];
  const choose = (/** @type {string} */ key) => (/** @type {string} */ value) => ctx.choose({ [key]: value });
  return html`
    <p class="question choice">
      Why <${Select} label="Explained class" value=${target} options=${first} onChange=${choose("target")} />
      and not <${Select} label="Compared class" value=${against} options=${second} onChange=${choose("against")} />
    </p>
  `;
}

/**
 * What the network gives for the classes, and what that would be after an intervention.
 * @param {{ctx: Ctx, record: TabRecord<DecisionData>, row: number, asked: Asked, node: number|null,
 *   what: "off"|"doubled"|"like"|null}} props
 */
function DecisionBars({ ctx, record, row, asked, node, what }) {
  const { data } = record;
  const picture = /** @type {DecisionPicture} */ (data.pictures?.[row]);
  const outputs = chooseOutputs(picture, asked) ?? [-1, -1];
  const after = picture.scores.map((score, index) =>
    node === null || what === null ? null : score + picture[what][node][index],
  );
  const rows = picture.scores.map((score, index) => {
    const of = picture.classes?.[index] ?? index;
    const role = index === outputs[0] ? "first" : index === outputs[1] ? "second" : "";
    return {
      key: String(of),
      name: nameOutput(data, of),
      role,
      title: role === "first" ? "explained" : "Compare with this class",
      score,
      after: after[index],
      onPress: () => role !== "first" && ctx.choose({ against: String(of) }),
    };
  });
  return html`
    <${ClassBars} label=${quantityOf(record)} rows=${rows} />
  `;
}

/**
 * What fires at a position, layer by layer: the semantic dictionary in groups.
 * @param {{ctx: Ctx, record: TabRecord<DecisionData>, row: number, place: {x: number, y: number}|null}} props
 */
function Here({ ctx, record, row, place }) {
  const { layers = [] } = record.data;
  return html`
    <div class="here">
      <h3>${place ? "What fires here" : "What fires where"}</h3>
      ${
        !place &&
        html`
          <p class="quiet caption">Point at the picture; shown until then: the strongest of the whole picture.</p>
        `
      }
      ${layers.map(
        (layer) => html`
          <${HereLayer} key=${layer.layer} ctx=${ctx} record=${record} layer=${layer} row=${row} place=${place}
            most=${layers.length > 2 ? 3 : 5} />
        `,
      )}
    </div>
  `;
}

/**
 * @param {{ctx: Ctx, record: TabRecord<DecisionData>, layer: GraphLayer, row: number, place: {x: number, y: number}|null,
 *   most: number}} props `most` bars
 */
function HereLayer({ ctx, record, layer: { layer, maps, map_scale: scale, icons, crops }, row, place, most }) {
  const sheet = useSheet(record, maps);
  const nodes = nodesOf(record.data, layer);
  const strongest = Math.max(...scale.slice(0, -1), 1e-9);
  const shown = nodes
    .map((node, column) => ({
      node,
      value: sheet ? (readLevel(sheet, row * nodes.length + column, place) / 255) * scale[column] : 0,
    }))
    .filter(({ node, value }) => node.kind === "group" && value > 0)
    .sort((a, b) => b.value - a.value)
    .slice(0, most);
  return html`
    <div class="here-layer">
      <span class="caption">${layer}</span>
      <ul>
        ${shown.map(
          ({ node, value }) => html`
            <li key=${node.index}>
              ${
                (icons ?? crops) &&
                html`
                  <span class="here-icon">
                    <${RecordCell} record=${record} sheet=${icons ?? crops} index=${node.index} size=${28} label="" />
                  </span>
                `
              }
              <span class="here-name" title=${calledIn(ctx, record.data, node)}><${Swatch} color=${styleOf(record.data, node)} />${calledIn(ctx, record.data, node)}</span>
              <span class="here-bar">
                <i style=${{ width: `${(100 * value) / strongest}%`, background: styleOf(record.data, node) }} />
              </span>
              <span class="here-value">${number(value)}</span>
            </li>
          `,
        )}
      </ul>
    </div>
  `;
}
