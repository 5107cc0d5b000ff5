/** When the network was looked at last: whether a training is still being written, a person sees by that. */
import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { ago } from "../format.js";

const BEAT = 1000; // ms
/** One for all: to make one takes longer than all else in a row of a table. */
const WHOLE = new Intl.DateTimeFormat("en-US", { dateStyle: "medium", timeStyle: "short" });

/** @param {{time: number, fixed: boolean}} props seconds since 1970; `fixed` in a report, which grows no older */
export function LastLook({ time, fixed }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (fixed) return undefined;
    const timer = setInterval(() => setNow(Date.now()), BEAT);
    return () => clearInterval(timer);
  }, [fixed]);
  const date = new Date(1000 * time);
  if (Number.isNaN(date.getTime())) return "–";
  const whole = WHOLE.format(date);
  return html`
    <time datetime=${date.toISOString()} title=${whole}>${fixed ? whole : ago(now / 1000 - time, whole)}</time>
  `;
}
