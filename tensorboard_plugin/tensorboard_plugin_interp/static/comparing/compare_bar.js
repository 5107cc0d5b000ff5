/**
 * The line in the header that says what is compared with what, and the button that opens it.
 *
 * @import { Ctx } from "../model.js"
 */
import { html, useLayoutEffect, useRef } from "../vendor/preact-htm.js";
import { Chooser } from "../choosing/chooser.js";
import { useKeys } from "../choosing/keys.js";
import { runName, sortRuns, whole } from "../format.js";
import { NOTHING, exchange, sideName, tellSame } from "./compared.js";

/** @param {{ctx: Ctx, steps: number[]}} props @returns {boolean} whether there is anything to compare with */
const isPossible = ({ ctx, steps }) => steps.length > 1 || Object.keys(ctx.runs).length > 1;

/**
 * @param {{ctx: Ctx, steps: number[], open: boolean, onOpen: (open: boolean) => void}} props `steps` of the run that is
 *   shown
 */
export function CompareButton({ ctx, steps, open, onOpen }) {
  const possible = isPossible({ ctx, steps });
  useKeys(possible ? { v: () => onOpen(true) } : {});
  if (!possible) return null;
  return html`
    <button
      class="icon-button versus-button"
      aria-pressed=${open || ctx.compared !== null}
      onClick=${() => onOpen(true)}
      aria-label="Compare with another run or step"
      title="Compare with another run or step (V)"
    >
      <svg viewBox="0 0 16 16" aria-hidden="true" class="stroked">
        <path d="M2 3.5h5v9H2zM9 3.5h5v9H9zM8 1.5v13" />
      </svg>
    </button>
  `;
}

/**
 * @param {{ctx: Ctx, steps: number[], open: number, onOpen: () => void, onClose: () => void}} props `open`: how often a
 *   person asked for it, each time of which the menu gets the focus
 */
export function CompareBar({ ctx, steps, open, onOpen, onClose }) {
  const bar = useRef(/** @type {any} */ (null));
  useKeys(ctx.compared ? { b: () => exchange(ctx) } : {});
  useLayoutEffect(() => {
    const control = open ? bar.current?.querySelector("select, button") : null;
    control?.focus({ preventScroll: true });
  }, [open]);
  if ((!open && !ctx.compared) || !isPossible({ ctx, steps })) return null;
  const { compared } = ctx;
  const others = sortRuns(Object.keys(ctx.runs).filter((run) => run !== ctx.run));
  const choose = (/** @type {string} */ versus) => {
    ctx.choose(versus ? { versus, at: "" } : NOTHING);
    if (!versus && !open) onOpen(); // one that a link opened would go, and the focus with it
  };
  const leave = () => {
    ctx.choose(NOTHING);
    onClose();
    /** @type {any} */ (document.querySelector(".versus-button"))?.focus({ preventScroll: true });
  };
  return html`
    <div class="versus-bar" role="group" aria-label="Comparison" ref=${bar}>
      <b class="versus-letter">A</b>
      <${Chooser}
        caption="Compare with"
        label="Compare with"
        what="runs"
        value=${compared?.run ?? ""}
        options=${[["", "nothing"], ...(steps.length > 1 ? [[ctx.run, "another step of this run"]] : [])]}
        groups=${[["another run", others.map((run) => [run, runName(run)])]]}
        onChange=${choose}
      />
      ${
        compared &&
        html`
          <${Chooser}
            caption="at"
            label="Step to compare with"
            what="steps"
            value=${ctx.choice.at === "" ? "" : String(compared.step ?? ctx.choice.at)}
            options=${[
              ["", compared.own ? `the first, ${whole(compared.steps[0])}` : "the same step"],
              ...(compared.waiting && ctx.choice.at ? [[ctx.choice.at, `step ${whole(Number(ctx.choice.at))}`]] : []),
              ...compared.steps.map((step) => [String(step), `step ${whole(step)}`]),
            ]}
            onChange=${(/** @type {string} */ at) => ctx.choose({ versus: compared.run, at })}
          />
          <button class="button" onClick=${() => exchange(ctx)} title="Exchange A and B (B)" aria-label="Exchange A and B">
            <span aria-hidden="true">⇄</span>
          </button>
          <b class="versus-letter">B</b>
          <span class="versus-shown" title=${sideName(ctx.run, ctx.step)}>
            ${compared.own ? `step ${whole(ctx.step)}` : sideName(ctx.run, ctx.step)}
          </span>
        `
      }
      <span class="space" />
      <button class="link" onClick=${leave}>Stop comparing</button>
    </div>
    ${
      compared?.own &&
      compared.step === ctx.step &&
      html`
        <p class="versus-same quiet" role="status">${tellSame(ctx.step)}</p>
      `
    }
  `;
}
