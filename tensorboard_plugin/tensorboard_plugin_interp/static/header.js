/** The bar at the top: sections, run, layer, and the one slider over steps. */
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { Chooser } from "./choosing/chooser.js";
import { useKeys } from "./choosing/keys.js";
import { KeysHelp } from "./choosing/keys_help.js";
import { plural, whole } from "./format.js";

const BEAT = 700; // ms per step while playing

/**
 * @param {{sections: {id: string, title: string, count: number}[], section: string, onSection: (id: string) => void,
 *   runs: string[][], run: string, onRun: (run: string) => void,
 *   layers: string[], layer: string, onLayer: (layer: string) => void, copy: any}} props each
 *   run `[name, as it is called]`; `copy` is the button that copies a link
 */
export function Bar({ sections, section, onSection, runs, run, onRun, layers, layer, onLayer, copy }) {
  const menu = useRef(/** @type {any} */ (null));
  const go = (/** @type {{id: string, count: number}} */ { id, count }) => count > 0 && onSection(id);
  useKeys({
    ...Object.fromEntries(sections.map((one, index) => [String(index + 1), () => go(one)])),
    "/": () => {
      const control = menu.current.querySelector("select, button");
      control.focus();
      if (control.tagName === "BUTTON") control.click();
    },
  });
  return html`
    <div class="bar">
      <nav class="tabs" aria-label="Sections">
        ${sections.map(
          ({ id, title, count }) => html`
            <button
              key=${id}
              class="tab"
              aria-current=${id === section ? "page" : "false"}
              disabled=${count === 0}
              title=${count === 0 ? "This run has no such records" : ""}
              onClick=${() => onSection(id)}
            >
              ${title}
            </button>
          `,
        )}
      </nav>
      <span class="space" />
      ${
        layers.length > 1 &&
        html`
          <${Chooser}
            caption="Layer"
            label="Layer"
            what="layers"
            tree
            value=${layer}
            options=${[["", `all ${layers.length}`], ...layers.map((name) => [name, name])]}
            onChange=${onLayer}
          />
        `
      }
      <div class="run-choice" ref=${menu}>
        <${Chooser} caption="Run" label="Run" what="runs" value=${run} options=${runs} onChange=${onRun} />
      </div>
      <div class="head-tools">
        ${copy}
        <${KeysHelp} sections=${sections.map(({ title }) => title)} />
      </div>
    </div>
  `;
}

/**
 * @param {{steps: number[], step: number, epoch: number|null, restored: boolean, written: number|null, follow: boolean, busy: boolean,
 *   fixed: boolean, onStep: (step: number) => void}} props `fixed` in a report, to which no step will come
 */
export function Timeline({ steps, step, epoch, restored, written, follow, fixed, busy, onStep }) {
  const [playing, setPlaying] = useState(false);
  const place = Math.max(0, steps.indexOf(step));
  const last = steps.length - 1;
  const go = (/** @type {number} */ index) => onStep(steps[Math.max(0, Math.min(last, index))]);
  useEffect(() => {
    if (!playing || busy) return undefined; // wait until the pictures of this step are there
    if (place >= last) {
      setPlaying(false);
      return undefined;
    }
    const timer = setTimeout(() => go(place + 1), BEAT);
    return () => clearTimeout(timer);
  }, [playing, place, last, busy]);
  const play = () => {
    if (!playing && place >= last) go(0);
    setPlaying(!playing);
  };
  useKeys({ ArrowLeft: () => go(place - 1), ArrowRight: () => go(place + 1), p: () => last > 0 && play() });
  const when = [...(epoch === null ? [] : [`epoch ${epoch + 1}`]), ...(restored ? ["put back"] : [])].join(", ");
  const said = `step ${whole(step)}${when && `, ${when}`}`;
  return html`
    <div class="timeline">
      <button
        class="icon-button play"
        onClick=${play}
        disabled=${last < 1}
        aria-label=${playing ? "Pause" : "Play over the steps"}
        title=${playing ? "Pause (P)" : "Play over the steps (P)"}
      >
        ${
          playing
            ? html`
                <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 3h3v10H4zM9 3h3v10H9z" /></svg>
              `
            : html`
                <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 2.5v11l9.5-5.5z" /></svg>
              `
        }
      </button>
      <div class="slider">
        <div class="slider-ticks" aria-hidden="true">
          ${
            steps.length <= 120 &&
            steps.map(
              (tick, index) => html`
                <i key=${tick} style=${{ left: `${last ? (index / last) * 100 : 0}%` }} />
              `,
            )
          }
        </div>
        <input
          type="range"
          min="0"
          max=${last}
          step="1"
          value=${place}
          disabled=${last < 1}
          style=${{ "--part": last ? place / last : 1 }}
          aria-label="Training step"
          aria-valuetext=${said}
          title="Arrow keys move by one step"
          onInput=${(event) => {
            setPlaying(false);
            go(Number(event.target.value));
          }}
        />
      </div>
      <output class="now-label">
        <b>step ${whole(step)}</b>
        ${
          when &&
          html`
            <span>${when}</span>
          `
        }
      </output>
      <span class="badges">
        ${
          written !== null && written > steps.length
            ? html`
                <span
                  class="badge warn"
                  title=${
                    fixed
                      ? "This report keeps a part, to stay small. tf-interp report --max-mb says how large it may be."
                      : "TensorBoard keeps a part. --samples_per_plugin=interpretability=0 keeps all steps."
                  }
                >
                  showing ${whole(steps.length)} of ${plural(written, "step")}
                </span>
              `
            : html`
                <span class="badge">${plural(steps.length, "step")}</span>
              `
        }
        ${
          follow
            ? html`
                <span class="badge live" title=${fixed ? "The last step" : "New steps are shown as they come"}>latest</span>
              `
            : html`
                <button
                  class="badge go"
                  onClick=${() => go(last)}
                  title=${fixed ? "Show the last step" : "Show the last step, and new ones as they come"}
                >
                  latest →
                </button>
              `
        }
      </span>
    </div>
  `;
}
