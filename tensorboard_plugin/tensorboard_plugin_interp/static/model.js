/**
 * Data of the tab: asks the back end, keeps answers, drops stale ones. The contract is `http_api.md`.
 *
 * @import { Compared } from "./comparing/compared.js"
 * @import { Names } from "./groups/names/given_names.js"
 * @import { Entry, Sheet, TabRecord } from "./records.js"
 *
 * @typedef {{kind: string, layer: string, variant?: string, steps: number[]|null, written?: number[], last_step: number, wall_time: number}} Series
 *   `variant` tells several of one kind and layer from each other
 * @typedef {Record<string, Record<string, Series>>} Runs run -> tag -> series
 * @typedef {{steps: Entry[], unreadable: number, written: [number, number][]}} SeriesAnswer `written`: step and time of
 *   all that are kept
 * @typedef {object} Source where answers come from: TensorBoard, or a report with records inside
 * @property {(run?: string) => Promise<{runs: Runs}>} runs with the steps of this run, or of the latest where it is not there
 * @property {(run: string, tag: string, step: number) => Promise<TabRecord>} record
 * @property {(run: string, tag: string, after?: number) => Promise<SeriesAnswer>} series steps above `after`, or all
 * @property {(run: string, tag: string, step: number, like: string[]) => string[]} [pictures] where pictures like these are at
 *   another step, if that can be told without its record
 * @property {(run: string) => Promise<NamesAnswer>} [names] what people call groups
 * @property {(run: string, name: object) => Promise<NamesAnswer>} [keepName] fails with `status` 409 where another one was faster
 * @property {About} [about] what a report says of itself; where there is one, nothing new will come
 *
 * @typedef {{layer: string, group: string, name: string, place: number,
 *   vector: {size: number, channels: number[], weights: number[]}|null}} NameEntry of the file of names, at its place there
 * @typedef {{version: string, names: NameEntry[], same: number, longest: number, read_only: string|null, notes: string[]}} NamesAnswer
 * @typedef {{title: string, lines: string[], notices: string[]}} About `notices`: what must be known of what was left out
 *
 * @typedef {{image: HTMLImageElement|null, rows: number, columns: number, count: number, stale: boolean}} LoadedSheet
 *   `stale` while a newer one is being loaded; without image and cells if it cannot be loaded
 *
 * @typedef {Series & {tag: string, steps: number[]}} ShownSeries one with steps
 * @typedef {object} Ctx what every view is given: what is chosen, and how to choose something else
 * @property {Store} store
 * @property {string} run
 * @property {number} step
 * @property {number[]} steps of the run that is shown
 * @property {Runs} runs
 * @property {Names} names that people gave to the groups of this run
 * @property {Record<string, ShownSeries[]>} series by kind
 * @property {string[]} unknown kinds that this version does not show
 * @property {(step: number) => void} setStep
 * @property {(section: string) => void} goTo
 * @property {(kind: string, tag: string, name: string) => void} open show one thing in the side panel
 * @property {(kind: string, tag: string, name: string) => boolean} isOpen
 * @property {Record<string, string>} choice what is chosen, as the address says it; "" for what is not
 * @property {(part: Record<string, string>, entry?: boolean) => void} choose `entry`: whether Back undoes it
 * @property {Compared|null} compared with which run and step what is shown is compared
 * @property {() => string} link an address that leads to what is shown; "" if there is none
 */
import { useLayoutEffect, useRef, useState } from "./vendor/preact-htm.js";
import { Cache } from "./asking/cache.js";
import { WaitingLine } from "./asking/waiting_line.js";
import { splitRun } from "./format.js";

const KEPT = 400; // answers
const KEPT_PICTURES = 160;
const [CURVES, NEXT] = [1, 2]; // ranks in the line: all steps of a series for its curve; what may be wanted next
const line = new WaitingLine(); // one for the browser, whose connections all share

const pictures = new Cache(KEPT_PICTURES);

/** @param {string} url @param {boolean} seen @returns {Promise<HTMLImageElement>} a picture */
async function decode(url, seen) {
  const image = new Image();
  image.fetchPriority = seen ? "high" : "low"; // a browser knows of no place for it yet, and would let it wait
  image.src = url;
  await image.decode();
  return image;
}

/** @param {string} url @returns {Promise<HTMLImageElement>} a picture that can be drawn at once */
export function loadPicture(url) {
  return pictures.get(url, () => line.first(decode(url, true)));
}

/** The answers of one source. */
export class Store {
  /** @param {Source} source */
  constructor(source) {
    this.source = source;
    this.cache = new Cache(KEPT);
    /** @type {Map<string, SeriesAnswer>} the newest answer for each series, which new steps are added to */
    this.newest = new Map();
    /** @type {Map<string, number>} how often the files of a run were replaced */
    this.replaced = new Map();
    /** @type {number|null} the step that is shown, for which `plan` was called last */
    this.shown = null;
  }

  /** @param {string} run @param {string} tag @param {string|number} what @returns {string} name of an answer */
  key(run, tag, what) {
    return JSON.stringify([run, this.replaced.get(run) ?? 0, tag, what]);
  }

  /** @param {string} run @param {string} tag @param {number[]} steps @returns {string} */
  seriesKey(run, tag, steps) {
    return this.key(run, tag, `${steps.length} to ${steps.at(-1)}`);
  }

  /** @param {string} run @param {string} tag @param {number} step @returns {TabRecord|undefined} what is there already */
  ready(run, tag, step) {
    const key = this.key(run, tag, step);
    const known = this.cache.peek(key);
    if (known) return known;
    const entry = this.newest.get(this.key(run, tag, ""))?.steps.find((one) => one.step === step);
    if (!entry || !("kind" in entry)) return undefined; // an older server tells no more than its data
    this.cache.keep(key, { promise: Promise.resolve(entry), value: entry });
    return /** @type {TabRecord} */ (entry);
  }

  /** @param {string} run @param {string} tag @param {number} step @returns {Promise<TabRecord>} */
  record(run, tag, step) {
    this.ready(run, tag, step);
    return this.cache.get(this.key(run, tag, step), () => {
      const asked = line.first(this.source.record(run, tag, step));
      const before = this.shown === null ? [] : this.drawn(run, tag, this.shown);
      // Where they are is known before the record is: one wait less.
      for (const url of this.source.pictures?.(run, tag, step, before) ?? []) loadPicture(url).catch(() => {});
      return asked;
    });
  }

  /** @param {string} run @param {string} tag @param {number} step @returns {string[]} pictures of a record that were asked for */
  drawn(run, tag, step) {
    const record = this.cache.peek(this.key(run, tag, step));
    return (record?.images ?? []).filter((/** @type {string} */ url) => pictures.has(url));
  }

  /**
   * @param {string} run
   * @param {string} tag
   * @param {number[]} steps
   * @returns {Promise<SeriesAnswer>}
   */
  series(run, tag, steps) {
    return this.cache.get(this.seriesKey(run, tag, steps), async () => {
      const answer = await line.later(CURVES, () => this.readOn(run, tag, this.newest.get(this.key(run, tag, ""))));
      this.newest.set(this.key(run, tag, ""), answer);
      return answer;
    });
  }

  /**
   * Read the steps of a series that are not known yet; all of them, if those that are known have been replaced.
   * @param {string} run
   * @param {string} tag
   * @param {SeriesAnswer|undefined} known
   * @returns {Promise<SeriesAnswer>}
   */
  async readOn(run, tag, known) {
    if (!known?.written.length) return this.source.series(run, tag);
    const times = new Map(known.written);
    const [after] = known.written[known.written.length - 1];
    const { steps, written } = await this.source.series(run, tag, after);
    if (written.some(([step, time]) => step <= after && times.get(step) !== time)) {
      this.forget(run);
      return this.source.series(run, tag);
    }
    const kept = new Set(written.map(([step]) => step)); // TensorBoard may drop steps in between
    const all = [...known.steps.filter((entry) => kept.has(entry.step)), ...steps];
    return { steps: all, unreadable: written.length - all.length, written };
  }

  /**
   * Get ready for other steps: what is there at this one, records and of these the pictures that are drawn, is asked for at
   * those, too, the first step first, once nothing that is seen is under way. What was planned before is dropped.
   * @param {string} run
   * @param {ShownSeries[]} shown
   * @param {number} step
   * @param {number[]} next
   */
  plan(run, shown, step, next) {
    line.drop(NEXT);
    this.shown = step;
    for (const other of next)
      for (const { tag, steps } of shown) {
        const [here, there] = [stepAt(steps, step), stepAt(steps, other)];
        if (here === null || there === null || here === there) continue;
        line.later(NEXT, () => this.prepare(run, tag, here, there)).catch(() => {}); // asked again where it is wanted
      }
  }

  /** @param {string} run @param {string} tag @param {number} here @param {number} there @returns {Promise<unknown>} */
  async prepare(run, tag, here, there) {
    if (!this.cache.has(this.key(run, tag, here))) return null; // no view shows it
    this.ready(run, tag, there);
    const record = await this.cache.get(this.key(run, tag, there), () => this.source.record(run, tag, there));
    const shown = (await this.record(run, tag, here)).images.map((url) => pictures.has(url));
    const wanted = record.images.filter((/** @type {string} */ _, /** @type {number} */ place) => shown[place]);
    return Promise.all(wanted.map((/** @type {string} */ url) => pictures.get(url, () => decode(url, false))));
  }

  /** Drop what was said about a run, because its files have been replaced. @param {string} run */
  forget(run) {
    this.replaced.set(run, (this.replaced.get(run) ?? 0) + 1);
    const prefix = `${JSON.stringify([run]).slice(0, -1)},`;
    for (const known of [this.cache.entries, this.newest])
      for (const key of [...known.keys()]) if (key.startsWith(prefix)) known.delete(key);
  }
}

/**
 * Steps that went back, other than by thinning out, and a last step that was written anew mean that the run was started
 * again in the same folder.
 * @param {Series} before
 * @param {Series|undefined} now
 * @returns {boolean}
 */
export function isReplaced(before, now) {
  if (!now?.steps) return true;
  const [was, is] = [before.steps?.at(-1), now.steps.at(-1)];
  if (was === undefined || is === undefined) return false;
  return is < was || (is === was && now.wall_time !== before.wall_time);
}

/** @param {Runs} runs @param {string[]} names @returns {string} the one of these that was written last */
function lastWritten(runs, names) {
  const time = (/** @type {string} */ run) =>
    Math.max(...Object.values(runs[run]).map((series) => series.wall_time ?? 0), 0);
  const known = names.map((name) => ({ name, time: time(name) }));
  // Of several the server takes the first by its letters, too, and tells its steps.
  known.sort((a, b) => b.time - a.time || (a.name < b.name ? -1 : 1));
  return known[0]?.name ?? "";
}

/**
 * Which run to show: the one that is wanted; else the one that is shown stays, even if another one is written later, but
 * gives way to a later training in its log directory; else the one that was written last.
 * @param {Runs} runs
 * @param {string} wanted "" for any
 * @param {string} shown "" for none
 * @returns {string}
 */
export function chooseRun(runs, wanted, shown) {
  if (Object.hasOwn(runs, wanted)) return wanted;
  if (!Object.hasOwn(runs, shown)) return lastWritten(runs, Object.keys(runs));
  const { base, session } = splitRun(shown);
  const later = Object.keys(runs).map((run) => ({ run, ...splitRun(run) }));
  return lastWritten(runs, [shown, ...later.filter((one) => one.base === base && one.session > session).map((one) => one.run)]);
}

/**
 * Ask for something, and keep showing the answer before until the new one is there.
 * @template T
 * @param {string} key what is asked for; "" for nothing
 * @param {string} group answers of one group may stand in for each other while waiting
 * @param {T|undefined} ready the answer, if it is known without waiting
 * @param {() => Promise<T>} ask
 * @returns {{value: T|undefined, error: string, stale: boolean}}
 */
function useAnswer(key, group, ready, ask) {
  const shown = useRef({ key: "", group: "", value: /** @type {T|undefined} */ (undefined), error: "" });
  const [, redraw] = useState(0);
  const wanted = useRef(key);
  wanted.current = key;
  // What is known is drawn with all else, once; to draw it again after an effect would double the work of each step.
  if (key && shown.current.key !== key && ready !== undefined) shown.current = { key, group, value: ready, error: "" };
  useLayoutEffect(() => { // not a frame later: a record that comes asks for its pictures before the line goes on
    if (!key || shown.current.key === key) return;
    const tell = (/** @type {T|undefined} */ value, /** @type {string} */ error) => {
      if (wanted.current !== key) return;
      shown.current = { key, group, value, error };
      redraw((count) => count + 1);
    };
    ask().then(
      (value) => tell(value, ""),
      (error) => tell(undefined, error.message),
    );
  }, [key]);
  if (!key) return { value: undefined, error: "", stale: false };
  const { key: known, group: like, value, error } = shown.current;
  if (known === key) return { value, error, stale: false };
  return { value: like === group ? value : undefined, error: "", stale: true };
}

/**
 * @param {Store} store
 * @param {string} run
 * @param {string} tag
 * @param {number|null} step
 * @returns {{record: TabRecord|undefined, error: string, stale: boolean}}
 */
export function useRecord(store, run, tag, step) {
  const key = step === null ? "" : store.key(run, tag, step);
  const answer = useAnswer(key, store.key(run, tag, ""), step === null ? undefined : store.ready(run, tag, step), () =>
    store.record(run, tag, step ?? 0),
  );
  return { record: answer.value, error: answer.error, stale: answer.stale };
}

/**
 * @param {Store} store
 * @param {string} run another one than is shown; "" for none
 * @param {Runs} runs as they are known: of those that are not shown without their steps
 * @returns {Record<string, Series>|undefined} its series with their steps
 */
export function useRun(store, run, runs) {
  const last = Math.max(...Object.values(runs[run] ?? {}).map((series) => series.last_step));
  const answer = useAnswer(run && JSON.stringify([run, last]), run, undefined, async () => (await store.source.runs(run)).runs[run]);
  return answer.value;
}

/**
 * @param {Store} store
 * @param {string} run
 * @param {string} tag
 * @param {number[]} steps
 * @returns {{entries: Entry[], waiting: boolean}} what is known of a series, and whether more of it is on its way
 */
export function useWholeSeries(store, run, tag, steps) {
  const key = steps.length ? store.seriesKey(run, tag, steps) : "";
  const answer = useAnswer(key, store.key(run, tag, ""), store.cache.peek(key), () => store.series(run, tag, steps));
  return { entries: answer.value?.steps ?? [], waiting: answer.stale };
}

/** @param {Store} store @param {string} run @param {string} tag @param {number[]} steps @returns {Entry[]} */
export const useSeries = (store, run, tag, steps) => useWholeSeries(store, run, tag, steps).entries;

/**
 * Load a sheet of a record; the sheet before stays until the new one can be drawn.
 * @param {{images: string[]}|undefined} record
 * @param {Sheet|null|undefined} sheet
 * @returns {LoadedSheet|undefined}
 */
export function useSheet(record, sheet) {
  const url = record && sheet ? (record.images[sheet.image] ?? "") : "";
  const { rows, columns, count } = sheet ?? { rows: 1, columns: 1, count: 0 };
  const cells = { rows: Math.max(1, rows), columns: Math.max(1, columns), count };
  const loaded = pictures.peek(url);
  const { value, error, stale } = useAnswer(
    url && `${url}#${rows}`,
    "",
    loaded && { image: loaded, ...cells },
    async () => ({
      image: await loadPicture(url),
      ...cells,
    }),
  );
  if (error) return { image: null, rows: 1, columns: 1, count: 0, stale: false };
  return value && { ...value, stale };
}

/** @param {number[]} steps sorted @param {number} step @returns {number|null} the last step that is not after `step` */
export function stepAt(steps, step) {
  let found = null;
  for (const candidate of steps) if (candidate <= step) found = candidate;
  return found;
}
