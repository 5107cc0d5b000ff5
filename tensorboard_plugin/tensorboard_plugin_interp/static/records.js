/**
 * What records hold, kind by kind, as types: section 1 of `http_api.md`, which is the contract. Nothing in here runs.
 * A key that is marked `?` may be missing, as in records of an earlier version.
 *
 * @typedef {number|null|undefined} Unsure a number that was NaN or infinite, or is not known
 * @typedef {{image: number, rows: number, columns: number, count: number}} Sheet equal cells in one PNG, row by row
 *
 * @typedef {object} Probe the pictures that were looked at
 * @property {number} count
 * @property {string[]} [ids]
 * @property {(number|number[])[]|null} [labels] class indices; a list each where several classes may be true
 * @property {(number|number[])[]|null} [predictions]
 * @property {boolean[]|null} [right]
 * @property {Sheet} thumbnails the first ones
 *
 * @typedef {object} Common keys of every kind
 * @property {{name: string}} [model]
 * @property {string[]|null} [class_names]
 * @property {{label: string, kind: string, evidence: string, quantity: string}} [output] what was looked at
 * @property {Record<string, unknown>|null} [settings]
 * @property {number} [seconds]
 * @property {number|null} [epoch]
 * @property {number} [ordinal]
 * @property {string[]} [notes]
 * @property {Record<string, number>} [scalars]
 * @property {Probe|null} [probe]
 * @property {number[]|null} [curve]
 *
 * @typedef {object} Unit one direction of a layer, drawn
 * @property {string} name
 * @property {number|null} [channel]
 * @property {number} picture cell of `pictures`
 * @property {Unsure} activation
 * @property {Unsure} [probe_mean]
 * @property {Unsure} [probe_max]
 * @property {string|null} [status]
 * @property {{probe: number, activation: Unsure, crop?: number|null}[]} [examples]
 * @property {{low: number|null, high: number|null, counts: number[]}|null} [histogram]
 * @typedef {Common & {units?: Unit[], pictures?: Sheet|null, crops?: Sheet|null}} FeaturesData
 *
 * @typedef {object} Group neurons that fire together
 * @property {string} name
 * @property {Unsure} share
 * @property {number|null} [icon] cell of `icons`
 * @property {{channel: number, weight: number}[]} [channels]
 * @property {Record<string, number>} [effects]
 * @typedef {Common & {groups?: Group[], error?: Unsure, residual_effects?: Record<string, number>, icons?: Sheet|null,
 *   maps?: Sheet|null}} GroupsData
 *
 * @typedef {object} Decision what pushed one prediction
 * @property {number} probe
 * @property {number|null} target class index; null where it is none of `class_names`
 * @property {Unsure} logit
 * @property {Unsure} total
 * @property {{target: number, logit: number}[]} [top]
 * @typedef {Common & {target?: {index: number|null, name: string}|null, quantity?: string, method?: string, pictures?: Decision[],
 *   positive?: Sheet|null, negative?: Sheet|null}} AttributionData
 *
 * @typedef {object} ConceptTest a row of the table
 * @property {string} target
 * @property {string} concept
 * @property {string} contrast
 * @property {Unsure} displacement
 * @property {Unsure} ci_low
 * @property {Unsure} ci_high
 * @property {Unsure} null_low
 * @property {Unsure} null_high
 * @property {Unsure} [p]
 * @property {Unsure} p_holm
 * @property {Unsure} [effect]
 * @property {Unsure} [effect_low]
 * @property {Unsure} [effect_high]
 * @property {Unsure} [score]
 * @property {Unsure} [specificity]
 * @property {Unsure} [cav_accuracy]
 * @property {Unsure} [n_concept]
 * @property {Unsure} [n_contrast]
 * @property {Unsure} [n_target]
 * @property {string[]} [flags]
 * @property {string[]} [against]
 * @property {string} [sentence] what it says, in words; older records have none, nor the next three
 * @property {string} [verdict]
 * @property {string} [claim]
 * @property {string} [quantity] what is moved
 * @property {string[]} [cautions]
 * @typedef {{count: number, examples: Sheet}} Examples
 * @typedef {Common & {tests?: ConceptTest[], family?: number, alpha?: number, exploratory?: boolean,
 *   cautions?: string[], headline?: any, concepts?: Record<string, Examples>, pool?: Examples|null}} ConceptsData
 *
 * @typedef {Common & Record<string, any>} AnyData of a kind that is not known where it is used
 */

/**
 * @template [Data=AnyData]
 * @typedef {{kind: string, layer: string, step: number, title: string, data: Data, images: string[]}} TabRecord
 */

/**
 * @template [Data=AnyData]
 * @typedef {{step: number, data: Data, images: string[]}} Entry a record in its series
 */

export {};
