/** What to do when there is nothing to show. */
import { html, useRef, useState } from "../vendor/preact-htm.js";
import { Message } from "../drawing/parts.js";

const SNIPPET = `import tf_interp as ti
probe = ti.Probe.from_arrays(x_val[:64], labels=y_val[:64])   # pictures in [0, 1]
model.fit(x, y, callbacks=[ti.InterpCallback("logs/run1", probe, layers=["conv2", "conv3"])])`;

const PROMISE = [
  ["Features", "Pictures of what each unit looks for, and how they form over training."],
  ["Groups", "Neurons that fire together, colored where they do on your own pictures."],
  ["Decisions", "What pushed each prediction, toward the class and against it."],
  ["Concepts", "Whether a class depends on something you can name, and what chance would give."],
];

/** @param {{error: string, unknown?: string[]}} props `unknown`: kinds that are recorded and have no view here */
export function Empty({ error, unknown = [] }) {
  const [said, setSaid] = useState("Copy");
  const code = useRef(/** @type {any} */ (null));
  const select = () => {
    getSelection()?.selectAllChildren(code.current); // where the page may not write to the clipboard
    setSaid("Press Ctrl+C");
  };
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(SNIPPET);
      setSaid("Copied");
    } catch {
      select();
    }
  };
  return html`
    <main class="alone">
      <h1>See what your network has learned</h1>
      <p>
        ${
          unknown.length > 0
            ? `What is recorded here (${unknown.join(", ")}) has no view in this version: upgrade tf-interp, and start TensorBoard again. Or add`
            : "There are no interpretability records in this log directory yet. Add"
        }${" "}
        one callback to your training:
      </p>
      <div class="snippet">
        <pre><code ref=${code}>${SNIPPET}</code></pre>
        <button class="button" onClick=${copy}><span aria-live="polite">${said}</span></button>
      </div>
      <p>
        Or look at a finished model:${" "}
        <code>tf-interp analyze my_model.keras --probe photos/ --logdir logs/my_model</code>
      </p>
      <ul class="promise">
        ${PROMISE.map(
          ([title, text]) => html`
            <li class="card">
              <h3>${title}</h3>
              <p>${text}</p>
            </li>
          `,
        )}
      </ul>
      <p class="quiet">
        Records appear here by themselves a few seconds after the first epoch ends. If you expect some already, check
        that TensorBoard was started with the right${" "}
        <code>--logdir</code>
        .
      </p>
      ${
        error &&
        html`
          <${Message} kind="error">${error} Trying again …<//>
        `
      }
    </main>
  `;
}
