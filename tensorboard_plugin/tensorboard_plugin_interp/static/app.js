/**
 * The whole tab: what is selected, what is known, and which view shows it.
 *
 * @import { About, Ctx, Runs, Series, ShownSeries, Source } from "./model.js"
 */
import { html, useEffect, useMemo, useRef, useState } from "./vendor/preact-htm.js";
import { toLink, useChoice } from "./choosing/choice.js";
import { FullScreen } from "./choosing/full_screen.js";
import { CopyLink } from "./choosing/copy_link.js";
import { Lost } from "./choosing/lost.js";
import { CompareBar, CompareButton } from "./comparing/compare_bar.js";
import { showRun, useCompared } from "./comparing/compared.js";
import { ConceptDetail } from "./concepts/concept_detail.js";
import { setGroupStyles } from "./drawing/canvas.js";
import { byName, runName, sortRuns, whole } from "./format.js";
import { useNames } from "./groups/names/given_names.js";
import { Bar, Timeline } from "./header.js";
import { Store, chooseRun, isReplaced, stepAt, useRecord } from "./model.js";
import { Save, tellPlace } from "./saving/save_menu.js";
import { Awaited, Guard, Message, Panel } from "./drawing/parts.js";
import { followTheme, isVisible, linkTo, onReload } from "./tbhost.js";
import { Concepts } from "./views/view_concepts.js";
import { DecisionView } from "./views/view_decision.js";
import { DecisionDetail } from "./views/view_decisions.js";
import { Dictionary } from "./views/view_dictionary.js";
import { Empty } from "./views/view_empty.js";
import { Features, UnitDetail } from "./views/view_features.js";
import { Groups, PictureDetail } from "./views/view_groups.js";
import { Overview } from "./views/view_overview.js";

const POLL = 5000; // ms between looks for new steps
const SECTIONS = [
  { id: "overview", title: "Overview", kinds: /** @type {string[]} */ ([]), view: Overview },
  { id: "features", title: "Features", kinds: ["features"], view: Features },
  { id: "groups", title: "Groups", kinds: ["groups"], view: Groups },
  { id: "decisions", title: "Decision", kinds: ["decision", "attribution"], view: DecisionView },
  { id: "dictionary", title: "Dictionary", kinds: ["dictionary"], view: Dictionary },
  { id: "concepts", title: "Concepts", kinds: ["concepts"], view: Concepts },
];
/** What the side panel shows, by kind. @type {Record<string, any>} */
const DETAILS = { features: UnitDetail, groups: PictureDetail, attribution: DecisionDetail, concepts: ConceptDetail };
const LINKED = /** @type {Record<string, string>} */ ({ features: "unit", groups: "picture", attribution: "picture", concepts: "test" });
const KINDS = [...SECTIONS.flatMap((section) => section.kinds), "finding"];
const OF_NO_LAYER = ["decision", "finding"]; // kinds whose records are of no layer: the choice of one is not theirs

/** @param {boolean} dark */
function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  setGroupStyles(dark);
}

/**
 * Ask again and again which runs and steps there are, while the tab can be seen.
 * @param {Store} store
 * @param {string} wanted the run to know the steps of; "" for the latest
 * @returns {{runs: Runs|null, run: string, error: string}}
 */
function useRuns(store, wanted) {
  const [state, setState] = useState({ runs: /** @type {Runs|null} */ (null), run: "", error: "" });
  const known = useRef(state);
  known.current = state;
  useEffect(() => {
    let over = false;
    let busy = false;
    const look = async () => {
      if (busy || !isVisible()) return;
      busy = true;
      try {
        const { runs: before, run: shown } = known.current;
        let { runs } = await store.source.runs(shown && !Object.hasOwn(before ?? {}, wanted) ? shown : wanted);
        const run = chooseRun(runs, wanted, shown);
        if (Object.values(runs[run] ?? {}).some(({ steps }) => !steps)) runs = (await store.source.runs(run)).runs;
        if (over) return;
        const replaced = Object.entries(before?.[run] ?? {}).some(([tag, series]) => isReplaced(series, runs[run]?.[tag]));
        if (replaced) store.forget(run);
        if (runs !== before || run !== known.current.run || known.current.error) setState({ runs, run, error: "" });
      } catch (error) {
        if (!over) setState({ ...known.current, error: /** @type {Error} */ (error).message });
      } finally {
        busy = false;
      }
    };
    look();
    const timer = store.source.about ? 0 : setInterval(look, POLL);
    const stop = onReload(look);
    return () => {
      over = true;
      clearInterval(timer);
      stop();
    };
  }, [store, wanted]);
  return state;
}

/**
 * @param {Record<string, Series>} tags of one run
 * @returns {Record<string, ShownSeries[]>} series with steps, by kind, in the order of layers
 */
function byKind(tags) {
  const all = Object.entries(tags).map(([tag, series]) => ({ tag, ...series, steps: series.steps ?? [] }));
  const shown = all.filter((series) => series.steps.length).sort((a, b) => byName(a.layer, b.layer));
  return Object.fromEntries(KINDS.map((kind) => [kind, shown.filter((series) => series.kind === kind)]));
}

/** @param {{source: Source}} props */
export function App({ source }) {
  const store = useMemo(() => new Store(source), [source]);
  const [latest, change] = useChoice();
  const { runs, run, error } = useRuns(store, latest.run);
  const settled = useRef(latest); // the steps of another run are on their way: what is chosen with it waits for them
  if (run === latest.run || !Object.hasOwn(runs ?? {}, latest.run)) settled.current = latest;
  const choice = settled.current;
  const compare = useCompared(store, runs ?? {}, run, choice);
  const [asked, ask] = useState(0); // how often the line of the comparison was asked for
  useEffect(() => followTheme(setTheme), []);
  const names = useNames(store, run);
  const all = useMemo(() => byKind(runs?.[run] ?? {}), [runs, run]);
  const runNames = useMemo(() => sortRuns(Object.keys(runs ?? {})).map((name) => [name, runName(name)]), [runs]);
  const top = useTop(runs);
  const every = KINDS.flatMap((kind) => all[kind]);
  const steps = useMemo(() => [...new Set(every.flatMap((series) => series.steps))].sort((a, b) => a - b), [all]);
  const layered = every.filter((series) => !OF_NO_LAYER.includes(series.kind));
  const layers = [...new Set(layered.map((series) => series.layer))].sort(byName);

  if (!runs)
    return html`
      <main class="alone">
        ${
          error
            ? html`
                <${Message} kind="error">${error}<//>
              `
            : html`
                <${Message}>Looking for records …<//>
              `
        }
      </main>
    `;
  if (!every.length)
    return html`
      <${Empty} error=${error} unknown=${[...new Set(Object.values(runs[run] ?? {}).map((one) => one.kind))]} />
    `;

  const layer = layers.includes(choice.layer) ? choice.layer : "";
  const series = Object.fromEntries(
    KINDS.map((kind) => [
      kind,
      all[kind].filter((one) => !layer || OF_NO_LAYER.includes(kind) || one.layer === layer),
    ]),
  );
  const follow = choice.step === "";
  const step = follow ? steps[steps.length - 1] : (stepAt(steps, Number(choice.step)) ?? steps[0]);
  const current =
    SECTIONS.find(
      ({ id, kinds }) => id === choice.section && (!kinds.length || kinds.some((kind) => all[kind].length)),
    ) ?? SECTIONS[0];
  /** @type {Ctx} */
  const ctx = {
    store,
    run,
    runs,
    names,
    step,
    steps,
    series,
    unknown: [
      ...new Set(
        Object.values(runs[run])
          .map((one) => one.kind)
          .filter((kind) => !KINDS.includes(kind)),
      ),
    ],
    setStep: (next) => change({ step: next === steps[steps.length - 1] ? "" : String(next) }),
    goTo: (section) => change({ section, item: "" }),
    open: (kind, tag, name) =>
      change({
        item: JSON.stringify([tag, name]),
        section: SECTIONS.find((one) => one.kinds.includes(kind))?.id ?? "overview",
      }),
    choice,
    choose: change,
    link: () => linkTo({ ...toLink({ ...choice, section: current.id }), run, layer, step: String(step) }),
    compared: compare(step),
    isOpen: (_, tag, name) => choice.item === JSON.stringify([tag, name]),
  };
  const shown = (current.kinds.length ? current.kinds : KINDS).flatMap((kind) => series[kind]);
  return html`
    <header class="top" ref=${top}>
      <h1 class="spoken">Interpretability: ${current.title}</h1>
      <${Bar}
        sections=${SECTIONS.map(({ id, title, kinds }) => ({
          id,
          title,
          count: kinds.length ? kinds.reduce((sum, kind) => sum + all[kind].length, 0) : 1,
        }))}
        section=${current.id}
        onSection=${ctx.goTo}
        runs=${runNames}
        run=${run}
        onRun=${(next) => showRun(ctx, next)}
        layers=${layers}
        layer=${layer}
        onLayer=${(next) => change({ layer: next, item: "" })}
        copy=${html`
          <${CompareButton} ctx=${ctx} steps=${steps} open=${asked > 0} onOpen=${() => ask(asked + 1)} />
          <${FullScreen} what="This tab" />
          <${CopyLink} ctx=${ctx} what=${`what is shown, at step ${whole(step)}`} lead />
        `}
      />
      ${
        (steps.length > 1 || steps[0] > 0) &&
        html`
          <${StepBar} ctx=${ctx} steps=${steps} shown=${shown} every=${every} follow=${follow} />
        `
      }
      <${CompareBar} ctx=${ctx} steps=${steps} open=${asked} onOpen=${() => ask(asked + 1)} onClose=${() => ask(0)} />
      ${
        error &&
        html`
          <${Message} kind="error">${error} Trying again …<//>
        `
      }
    </header>
    <div class="body">
      <main>
        <${Lost}
          asked=${{
            choice,
            runs: Object.keys(runs),
            run,
            layers,
            steps,
            step,
            compared: ctx.compared,
            section: current,
            sections: SECTIONS,
            tags: current.kinds.flatMap((kind) => all[kind].map(({ tag }) => tag)),
          }}
          onRead=${(part) => change(part, false)}
        />
        ${
          source.about &&
          current.id === "overview" &&
          html`
            <${AboutReport} about=${source.about} />
          `
        }
        ${
          shown.length
            ? html`
                <${current.view} ctx=${ctx} />
              `
            : html`
                <${Message}>Layer ${layer} has no ${current.title.toLowerCase()}. Choose another layer above.<//>
              `
        }
      </main>
      <${Detail} ctx=${ctx} section=${current} item=${choice.item} onClose=${() => change({ item: "" })} />
    </div>
  `;
}

/**
 * @param {any} sign measured again when this changes
 * @returns {any} a ref for the bar at the top, under which the side panel begins
 */
function useTop(sign) {
  const ref = useRef(/** @type {any} */ (null));
  useEffect(() => {
    if (!ref.current) return undefined;
    const observer = new ResizeObserver(() =>
      document.documentElement.style.setProperty("--top", `${ref.current.offsetHeight}px`),
    );
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [Boolean(sign), ref.current]);
  return ref;
}

/**
 * @param {{ctx: Ctx, steps: number[], shown: ShownSeries[], every: ShownSeries[], follow: boolean}} props the
 *   slider, with what the records say about their steps
 */
function StepBar({ ctx, steps, shown, every, follow }) {
  const lead = shown[0] ?? every[0];
  const at = stepAt(lead.steps, ctx.step);
  const { record, stale } = useRecord(ctx.store, ctx.run, lead.tag, at);
  const { record: last } = useRecord(ctx.store, ctx.run, lead.tag, lead.steps[lead.steps.length - 1]);
  const before = useRef(ctx.step);
  useEffect(() => {
    const place = steps.indexOf(ctx.step);
    const by = ctx.step < before.current ? -1 : 1; // who goes back goes on going back
    before.current = ctx.step;
    const next = [place + by, place + 2 * by, place - by].flatMap((at) => steps[at] ?? []);
    ctx.store.plan(ctx.run, shown, ctx.step, next);
  }, [ctx.step, ctx.run, shown.map((series) => series.tag).join()]);
  const ordinal = last?.data.ordinal;
  const written = typeof ordinal === "number" ? ordinal + 1 : null;
  const here = record?.step === ctx.step ? record.data : null;
  return html`
    <${Timeline}
      steps=${steps}
      step=${ctx.step}
      epoch=${here?.epoch ?? null}
      restored=${Boolean(here?.restored)}
      written=${written}
      follow=${follow}
      fixed=${Boolean(ctx.store.source.about)}
      busy=${stale}
      onStep=${ctx.setStep}
    />
  `;
}

/** @param {{about: About}} props what a report says of itself, and what was left out of it */
function AboutReport({ about }) {
  return html`
    <section class="about-report" aria-label="This report">
      <h1>${about.title}</h1>
      <p class="lead">
        ${about.lines.join(" ")}
        ${about.notices.map(
          (notice) => html`
            ${" "}
            <b key=${notice}>${notice}</b>
          `,
        )}
      </p>
    </section>
  `;
}

/** @param {{ctx: Ctx, section: typeof SECTIONS[number], item: string, onClose: () => void}} props */
function Detail({ ctx, section, item, onClose }) {
  if (!item) return null;
  let tag, name;
  try {
    [tag, name] = JSON.parse(item);
  } catch {
    return null; // a link broken by hand
  }
  const series = section.kinds.flatMap((kind) => ctx.series[kind]).find((one) => one.tag === tag);
  if (!series || typeof name !== "string" || !DETAILS[series.kind]) return null;
  const title = series.kind === "features" ? name : series.kind === "concepts" ? "Concept test" : "Picture";
  return html`
    <${Panel}
      title=${html`
        ${title}${" "}
        <span class="quiet">${series.layer}</span>
      `}
      onClose=${onClose}
      of=${tellPlace(ctx.run, series.layer, stepAt(series.steps, ctx.step))}
      tools=${html`
        <${Save} what="what is in this panel" scope=".panel" />
        <${FullScreen} of=".panel" what="This panel" />
        <${CopyLink} ctx=${ctx} what=${`this ${LINKED[series.kind]}`} />
      `}
    >
      <${Opened} key=${tag} ctx=${ctx} series=${series} view=${DETAILS[series.kind]} name=${name} />
    <//>
  `;
}

/** @param {{ctx: Ctx, series: ShownSeries, view: any, name: string}} props what the panel shows, once it is there */
function Opened({ ctx, series, view, name }) {
  const { record, error } = useRecord(ctx.store, ctx.run, series.tag, stepAt(series.steps, ctx.step));
  if (error || !record)
    return html`
      <${Awaited} error=${error} />
    `;
  return html`
    <${Guard}
      record=${record}
      draw=${() => html`
        <${view} ctx=${ctx} tag=${series.tag} name=${name} series=${series} record=${record} />
      `}
    />
  `;
}
