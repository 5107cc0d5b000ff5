/**
 * What the address asks for and is not here, in words: nothing else is shown in its place without saying so.
 *
 * @typedef {object} Asked
 * @property {Record<string, string>} choice
 * @property {string[]} runs
 * @property {string} run that is shown
 * @property {string[]} layers
 * @property {number[]} steps
 * @property {number} step that is shown
 * @property {import("../comparing/compared.js").Compared|null} compared
 * @property {{id: string, title: string}} section that is shown
 * @property {{id: string, title: string}[]} sections
 * @property {string[]} tags of the section
 */
import { html } from "../vendor/preact-htm.js";
import { NOTHING } from "../comparing/compared.js";
import { runName, whole } from "../format.js";

/** @param {string} text @returns {string} without the characters that turn the text after them around */
const calm = (text) => text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

/**
 * @param {Asked} asked
 * @returns {{key: string, text: string, instead: Record<string, string>}[]} `instead`: what is chosen once a person has read it
 */
export function findLost({ choice, runs, run, layers, steps, step, compared, section, sections, tags }) {
  const found = [];
  if (choice.run && !runs.includes(choice.run))
    found.push({
      key: "run",
      text: `Run ${calm(runName(choice.run))} is not here; showing ${calm(runName(run))}.`,
      instead: { run: "" },
    });
  if (choice.layer && !layers.includes(choice.layer))
    found.push({ key: "layer", text: `Layer ${calm(choice.layer)} is not in this run; showing all layers.`, instead: { layer: "" } });
  if (choice.step !== "" && !steps.includes(Number(choice.step)))
    found.push({
      key: "step",
      text: `Step ${calm(choice.step)} is not among the steps of this run; showing step ${whole(step)}.`,
      instead: { step: String(step) },
    });
  if (choice.versus && !runs.includes(choice.versus))
    found.push({
      key: "versus",
      text: `Run ${calm(runName(choice.versus))}, to compare with, is not here; nothing is compared.`,
      instead: NOTHING,
    });
  if (compared?.steps.length && choice.at !== "" && !compared.steps.includes(Number(choice.at)))
    found.push({
      key: "at",
      text: `Step ${calm(choice.at)}, to compare with, is not among the steps of ${calm(runName(compared.run))}; comparing with step ${whole(compared.step)}.`,
      instead: { at: String(compared.step) },
    });
  if (choice.section && choice.section !== section.id) {
    const title = sections.find(({ id }) => id === choice.section)?.title;
    const why = title ? `This run has no records of ${title}` : `There is no section ${calm(choice.section)}`;
    found.push({ key: "section", text: `${why}; showing ${section.title}.`, instead: { section: section.id } });
  } else if (choice.item && !tags.includes(tagOf(choice.item)))
    found.push({ key: "item", text: "What the address opens in the side panel is not in this run.", instead: { item: "" } });
  return found;
}

/** @param {string} item @returns {string} the series that it is of */
function tagOf(item) {
  try {
    return String(JSON.parse(item)[0]);
  } catch {
    return ""; // a link broken by hand
  }
}

/** @param {{asked: Asked, onRead: (part: Record<string, string>) => void}} props */
export function Lost({ asked, onRead }) {
  return findLost(asked).map(
    ({ key, text, instead }) => html`
      <p class="note lost" role="status" key=${key}>
        ${text}${" "}
        <button class="link" onClick=${() => onRead(instead)}>OK</button>
      </p>
    `,
  );
}
