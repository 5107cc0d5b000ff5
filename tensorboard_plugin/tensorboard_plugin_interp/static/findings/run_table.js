/**
 * All runs side by side: how far each is, and the finding of most consequence in each, in the records' own words.
 *
 * @import { Ctx, Series } from "../model.js"
 */
import { html, useMemo, useState } from "../vendor/preact-htm.js";
import { showRun } from "../comparing/compared.js";
import { plural, runName, whole } from "../format.js";
import { useRecord } from "../model.js";
import { LastLook } from "../words/last_look.js";
import { headlineOf, orderRuns } from "./run_order.js";

const PAGE = 15; // each row asks for two records

/** @param {{ctx: Ctx}} props nothing where there is one run only */
export function RunTable({ ctx }) {
  const [text, setText] = useState("");
  const [page, setPage] = useState(0);
  const found = useMemo(() => orderRuns(ctx.runs, text), [ctx.runs, text]);
  const all = Object.keys(ctx.runs);
  if (all.length < 2) return null;
  const last = Math.max(0, Math.ceil(found.length / PAGE) - 1);
  const at = Math.min(page, last);
  return html`
    <section class="card tile full run-table" aria-label="All runs">
      <header>
        <h2>All runs</h2>
        <input
          type="search"
          aria-label="Find a run"
          placeholder="Find a run"
          value=${text}
          onInput=${(/** @type {any} */ event) => {
            setText(event.target.value);
            setPage(0);
          }}
        />
      </header>
      <div class="table-scroll" tabindex="0" role="region" aria-label="Table of runs">
        <table>
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col" class="count">Last step</th>
              <th scope="col">Written</th>
              <th scope="col">What was found</th>
            </tr>
          </thead>
          <tbody>
            ${found.slice(at * PAGE, (at + 1) * PAGE).map(
              (run) => html`
                <${Row} key=${run} ctx=${ctx} run=${run} series=${Object.entries(ctx.runs[run])} />
              `,
            )}
          </tbody>
        </table>
      </div>
      <p class="quiet" role="status">
        ${found.length === all.length ? plural(all.length, "run") : `${whole(found.length)} of ${plural(all.length, "run")}`}
        ${last > 0 && html`, page ${at + 1} of ${last + 1}`}
        ${
          last > 0 &&
          html`
            <button class="link" disabled=${at === 0} onClick=${() => setPage(at - 1)}>Newer</button>
            <button class="link" disabled=${at === last} onClick=${() => setPage(at + 1)}>Older</button>
          `
        }
      </p>
    </section>
  `;
}

/** @param {{ctx: Ctx, run: string, series: [string, Series][]}} props */
function Row({ ctx, run, series }) {
  const newest = (/** @type {string} */ kind) =>
    series.filter(([, one]) => one.kind === kind).sort(([, a], [, b]) => b.last_step - a.last_step)[0];
  const step = Math.max(...series.map(([, one]) => one.last_step));
  const time = Math.max(...series.map(([, one]) => one.wall_time ?? 0));
  const [finding, concepts] = ["finding", "concepts"].map((kind) => {
    const [tag, one] = newest(kind) ?? ["", null];
    return useRecord(ctx.store, run, tag, one ? one.last_step : null);
  });
  const { sentence, more } = headlineOf(finding.record?.data, concepts.record?.data);
  const waiting = finding.stale || concepts.stale;
  return html`
    <tr class=${run === ctx.run ? "at" : ""}>
      <th scope="row">
        ${
          run === ctx.run
            ? html`${runName(run)} <span class="quiet">(shown)</span>`
            : html`
                <button class="link" onClick=${() => showRun(ctx, run)}>
                  ${runName(run)}
                </button>
              `
        }
      </th>
      <td class="count">${whole(step)}</td>
      <td><${LastLook} time=${time} fixed=${Boolean(ctx.store.source.about)} /></td>
      <td aria-busy=${waiting}>
        ${finding.error || concepts.error || sentence || (waiting ? "…" : "–")}
        ${more > 0 && html` <span class="quiet">and ${plural(more, "more finding")}</span>`}
      </td>
    </tr>
  `;
}
