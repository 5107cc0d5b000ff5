/**
 * Names that people gave to groups: read from the file beside the log of a run, shown wherever a group is, and written.
 *
 * @import { NamesAnswer, Store } from "../../model.js"
 *
 * @typedef {{name: string, vector?: string|null, identity?: number|null}} Named a group as a record has it, be it a node of a graph
 * @typedef {object} Names of one run
 * @property {(layer: string, groups: Named[]) => (string|null)[]} given what a person calls each group of a layer
 * @property {(layer: string, groups: Named[], index: number, name: string) => Promise<void>} keep write one; "" takes it away
 * @property {string|null} readOnly why no name can be given here, in a sentence; null where one can
 * @property {number} longest letters of a name
 * @property {string[]} notes what is wrong with the file
 */
import { useEffect, useMemo, useState } from "../../vendor/preact-htm.js";
import { splitRun } from "../../format.js";
import { isVisible } from "../../tbhost.js";
import { pairUp, readVector } from "../matching.js";

const POLL = 5000; // ms between looks at the file
const TRIES = 4; // where others write at the same moment
/** @type {NamesAnswer} */
const NONE = { version: "", names: [], same: 1, longest: 0, read_only: "Names cannot be given here.", notes: [] };

/**
 * @param {Store} store
 * @param {string} run "" for none
 * @returns {Names}
 */
export function useNames(store, run) {
  const [state, setState] = useState({ base: "", answer: NONE });
  const base = run && `${splitRun(run).base}/`; // sessions of a run share one file
  const tell = (/** @type {NamesAnswer} */ answer) =>
    setState((before) =>
      before.base === base && JSON.stringify(before.answer) === JSON.stringify(answer) ? before : { base, answer },
    );
  useEffect(() => {
    const { names } = store.source;
    if (!run || !names) return undefined;
    let over = false;
    const look = () =>
      isVisible() &&
      names(run).then(
        (answer) => over || tell(answer),
        () => {}, // the bar at the top says that nothing answers
      );
    look();
    const timer = setInterval(look, POLL);
    return () => {
      over = true;
      clearInterval(timer);
    };
  }, [store, run]);
  const answer = state.base === base ? state.answer : NONE;
  return useMemo(() => makeNames(store, run, answer, tell), [store, run, answer]);
}

/**
 * @param {Store} store
 * @param {string} run
 * @param {NamesAnswer} answer
 * @param {(answer: NamesAnswer) => void} tell hears of a newer one
 * @returns {Names}
 */
function makeNames(store, run, answer, tell) {
  const { names, keepName } = store.source;
  /** @type {WeakMap<Named[], (string|null)[]>} */
  const found = new WeakMap();
  return {
    given(layer, groups) {
      let given = found.get(groups);
      if (!given) found.set(groups, (given = ownersOf(answer, layer, groups).map((owned) => owned.at(-1)?.name ?? null)));
      return given;
    },
    async keep(layer, groups, index, name) {
      if (!names || !keepName) throw new Error(NONE.read_only ?? "");
      let seen = answer;
      for (let left = TRIES; ; left--) {
        const before = ownersOf(seen, layer, groups)[index];
        try {
          const { name: group, vector = null } = groups[index];
          const replaces = before.map(({ place }) => place);
          tell(await keepName(run, { version: seen.version, replaces, layer, group, name, vector }));
          return;
        } catch (error) {
          if (/** @type {any} */ (error).status !== 409 || !left) throw error;
          seen = await names(run);
          tell(seen);
          const now = ownersOf(seen, layer, groups)[index].at(-1)?.name;
          if (now !== before.at(-1)?.name)
            throw new Error(
              now === undefined
                ? "Meanwhile somebody else took the name away. Type it again to give yours."
                : `Meanwhile somebody else called it “${now}”. Type again to replace that.`,
            );
        }
      }
    },
    readOnly: answer.read_only,
    longest: answer.longest,
    notes: answer.notes,
  };
}

/**
 * Whose name each entry is: of a layer, groups and entries with a vector are paired so that their cosines are largest in
 * all; an entry without one is that of the group that is called so.
 * @param {NamesAnswer} answer
 * @param {string} layer
 * @param {Named[]} groups
 * @returns {NamesAnswer["names"][]} the entries of each group, the one that counts last
 */
function ownersOf({ names, same }, layer, groups) {
  /** @type {NamesAnswer["names"][]} */
  const owned = groups.map(() => []);
  const here = names.filter((entry) => entry.layer === layer);
  const vectors = here.length ? groups.map(({ vector }) => readVector(vector)) : [];
  const lengths = vectors.map((vector) => (vector ? Math.hypot(...vector) : 0));
  const pointed = here.filter(({ vector }) => vector && vectors.some((one) => one?.length === vector.size));
  const alike = pointed.map(({ vector }) =>
    vectors.map((one, index) => {
      if (!vector || !one || one.length !== vector.size || !lengths[index]) return 0;
      const dot = vector.channels.reduce((sum, channel, place) => sum + vector.weights[place] * one[channel], 0);
      return dot / lengths[index] / (Math.hypot(...vector.weights) || 1);
    }),
  );
  for (const [row, column] of pairUp(alike)) if (alike[row][column] >= same) owned[column].push(pointed[row]);
  for (const entry of here) {
    const index = entry.vector ? -1 : groups.findIndex(({ name }) => name === entry.group);
    if (index >= 0) owned[index].push(entry);
  }
  return owned.map((some) => some.sort((a, b) => a.place - b.place));
}
