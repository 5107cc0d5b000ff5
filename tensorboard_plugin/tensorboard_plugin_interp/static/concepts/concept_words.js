/**
 * What is said of a concept test wherever it is shown: its words, its cautions, its color, and what each of its numbers is.
 *
 * @import { ConceptTest, ConceptsData, TabRecord } from "../records.js"
 */
import { html } from "../vendor/preact-htm.js";
import { groupStyle } from "../drawing/canvas.js";
import { plural } from "../format.js";

/** What each number of a test is. */
export const TIPS = {
  displacement:
    "First-order change of the target's logit between contrast and concept pictures, in logits, " +
    "with its 95 % bootstrap interval.",
  p: "Permutation p-value, after Holm's correction for all tests of the family.",
  pAlone: "Permutation p-value of this test, before the correction.",
  band: "Where the middle 95 % of permuted labels fall: what chance alone gives.",
  cosine: "Mean cosine between the gradient and the concept vector, −1 to 1, with its interval.",
  score: "Share of target pictures whose logit rises toward the concept: the classical score. One half is chance.",
  specificity:
    "Percentile of the alignment among arbitrary coherent patterns of the pool: near 100 % means that it is about " +
    "this concept. A diamond marks a finding for which that was tested.",
  accuracy: "Accuracy of a linear classifier that tells concept from contrast pictures in this layer.",
  pictures: "Concept, contrast and target pictures.",
  alarm:
    "An alarm that may ring at any step of a training: over all of its steps and tests together it rings for something " +
    "that is not there with this probability at most. p-values are corrected within their step only.",
  exploratory:
    "The tests are repeated at each step without a correction for that: trust the last step, read the curve as a hint.",
};

const NAMED = 3; // concepts that a short name still lists

/**
 * @param {string} kind such as "Interval"
 * @param {ConceptTest[]} rows of one contrast
 * @returns {string} what a picture of these tests is saved under: what it is, of which concept, for which target
 */
export function nameTests(kind, rows) {
  const [concepts, targets, contrasts] = /** @type {("concept"|"target"|"contrast")[]} */ (["concept", "target", "contrast"]).map(
    (key) => [...new Set(rows.map((row) => row[key]))],
  );
  const said = concepts.length > NAMED ? plural(concepts.length, "concept") : concepts.join(", ");
  return `${kind}: ${said} → ${targets.join(", ")} (${contrasts.join(", ")})`;
}

/** @param {ConceptTest} row @returns {string} */
export const keyOf = (row) => JSON.stringify([row.target, row.concept, row.contrast]);

/**
 * @param {TabRecord<ConceptsData>} record
 * @param {string} concept
 * @returns {string} one color per concept, the same in all charts
 */
export function conceptColor(record, concept) {
  const names = Object.keys(record.data.concepts ?? {});
  return groupStyle(Math.max(0, names.indexOf(concept)));
}

/**
 * @param {{finding: any, large?: boolean}} props what a test says, in the record's own words; records of older versions
 *   have none
 */
export function Words({ finding, large = false }) {
  return html`
    ${
      finding?.sentence &&
      html`
        <p class="finding ${large ? "large" : ""}">${finding.sentence}</p>
      `
    }
    ${finding?.verdict && html`<p class="judgement">${finding.verdict}</p>`}
    <${Cautions} of="this" cautions=${finding?.cautions} />
  `;
}

/** @param {{of: string, cautions?: string[]}} props what to be careful about */
export function Cautions({ of, cautions = [] }) {
  if (!cautions.length) return null;
  return html`
    <div class="careful">
      Be careful with ${of}:
      <ul>
        ${cautions.map((caution) => html`<li>${caution}</li>`)}
      </ul>
    </div>
  `;
}
