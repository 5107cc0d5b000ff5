/**
 * What records hold, kind by kind, as types: section 1 of `http_api.md`, which is the contract. Nothing in here runs.
 * A key that is marked `?` may be missing, as in records of an earlier version.
 *
 * @typedef {number|null|undefined} Unsure a number that was NaN or infinite, or is not known
 * @typedef {{image: number, rows: number, columns: number, count: number, legend?: string|string[]}} Sheet equal cells in
 *   one PNG, row by row; what they show is said where they are no ordinary pictures, for all or for each
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
 * @property {{name: string, weights?: string}} [model] `weights`: a hash of them
 * @property {string[]|null} [class_names]
 * @property {{label: string, kind: string, evidence: string, quantity: string}} [output] what was looked at
 * @property {Record<string, unknown>|null} [settings]
 * @property {number} [seconds]
 * @property {number|null} [epoch]
 * @property {number} [ordinal]
 * @property {string[]} [notes]
 * @property {string[]} [warnings] those of the notes that must be read first
 * @property {string[]} [background] those of the notes that are no news
 * @property {number} [session] which training in this log directory, from 1
 * @property {boolean} [restored] whether the weights were put back or averaged when training ended
 * @property {Record<string, number>} [scalars]
 * @property {Probe|null} [probe]
 * @property {number[]|null} [curve]
 *
 * @typedef {object} Unit one direction of a layer, drawn
 * @property {string} name
 * @property {number|null} [channel]
 * @property {number|null} picture cell of `pictures`; null where nothing could be drawn
 * @property {Unsure} activation
 * @property {Unsure} [probe_mean]
 * @property {Unsure} [probe_max]
 * @property {string|null} [status]
 * @property {string|null} [first] what stands first: "picture", or "crop" of its first example
 * @property {string|null} [caution] what must be known of the drawn picture
 * @property {{layers: string[], likeness: number[], natural: number[], rank: number[], sentence: string}} [path] whether
 *   the drawn picture is processed as real ones are
 * @property {{probe: number, activation: Unsure, crop?: number|null}[]} [examples]
 * @property {{low: number|null, high: number|null, counts: number[]}|null} [histogram]
 * @property {{probe: number, cell: number, before: Unsure, activation: Unsure}|null} [accentuated] its best probe picture
 *   with what excites it made stronger
 * @typedef {Common & {units?: Unit[], pictures?: Sheet|null, crops?: Sheet|null, accentuated?: Sheet|null}} FeaturesData
 *
 * @typedef {object} Group neurons that fire together
 * @property {string} name
 * @property {Unsure} share
 * @property {number|null} [icon] cell of `icons`
 * @property {{channel: number, weight: number}[]} [channels]
 * @property {Record<string, number>} [effects]
 * @property {Record<string, {change: number, random: number}>} [proofs] without the group, beside random directions
 * @property {{word: string|null, evidence: string, r: Unsure, auprc: Unsure, p: Unsure, also: string[]}|null} [word]
 * @property {number} [identity] that it keeps over steps; -1 of an empty group
 * @property {string|null} [vector] what it is made of: base64 of a signed byte a channel
 * @property {Unsure} [drift] since the last look
 * @property {Unsure} [total_drift] since it was born
 * @property {number} [fires] in how many probe pictures
 * @property {number[]} [profile] mean presence in the pictures of each of `classes`
 * @property {Record<string, number>} [contributes]
 * @property {{best: Example[], typical: Example[], contributing: Example[], target: string|null, shared: Unsure}} [examples]
 * @typedef {{probe: number, crop: number|null}} Example
 * @typedef {object} GroupEvent what happened to a group since the last look
 * @property {string} event
 * @property {number} identity
 * @property {number[]} from
 * @property {number[]} to
 * @property {string} sentence
 * @typedef {object} SwitchedPicture
 * @property {number} probe
 * @property {number[]} classes
 * @property {number[][]} outputs of each combination of groups, bit k for group k
 * @property {number[]|null} decisions
 * @typedef {Common & {groups?: Group[], error?: Unsure, left_out?: number, method?: string|null,
 *   residual_effects?: Record<string, number>, icons?: Sheet|null, maps?: Sheet|null,
 *   switches?: {pictures: SwitchedPicture[], baseline?: string}|null, classes?: string[],
 *   crops?: Sheet|null, events?: GroupEvent[], next_identity?: number}} GroupsData
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
 * @typedef {object} GraphNode
 * @property {string} name
 * @property {string} layer "input" for a region
 * @property {string} kind "input", "group" or "rest"
 * @property {number} index of it in its layer
 * @property {{channel: number, weight: number}[]} [channels]
 * @property {string|null} [vector] of a group: what it is made of
 * @property {number|null} [identity] of a group: that it keeps over steps
 * @typedef {object} GraphLayer
 * @property {string} layer
 * @property {number[]} sides
 * @property {Sheet} maps a row a picture, a column a node
 * @property {number[]} map_scale
 * @property {Sheet|null} icons
 * @property {Sheet|null} crops
 * @typedef {object} DetailLayer
 * @property {string} layer
 * @property {Sheet} positions a row a picture, a column a class with details
 * @property {number} positions_scale
 * @property {number[][]|null} [class_token] what that token puts into each class with details, for each picture
 * @property {{crops: Sheet|null, pictures: {channels: number[], crops: (number|null)[]|null, effects: number[][],
 *   rest: number[]}[]}} [channels]
 * @typedef {{source: string, target: string, sides: [number, number][], pictures: number[][][]}} Flow
 * @typedef {object} DecisionPicture the numbers of one picture; lists over nodes, and of these over `classes`
 * @property {number} probe
 * @property {number[]|null} classes highest first
 * @property {number[]} scores
 * @property {number[]} biases
 * @property {number[]} values
 * @property {number[]} node_biases
 * @property {number[]} edge_values
 * @property {number[]} edge_proofs
 * @property {number[][]} output_values
 * @property {number[][]} output_proofs
 * @property {number[][]} off
 * @property {number[][]} doubled
 * @property {number[][]} like
 * @property {number} partner
 * @property {number[]} detailed which of `classes` have details
 * @property {string} sentence
 * @typedef {Common & {layers?: GraphLayer[], nodes?: GraphNode[], edges?: [number, number][], regions?: number[][],
 *   pictures?: DecisionPicture[], large?: Sheet, target?: {name: string}|null, tokens?: number[][]|null,
 *   details?: {layers: DetailLayer[], flows: (Flow|null)[], evidence?: {sentence: string}|null}}} DecisionData
 *
 * @typedef {object} Word a channel or group that fires somewhere
 * @property {string} name
 * @property {number|null} channel
 * @property {number} count at how many positions
 * @property {number|null} icon cell of `icons`
 * @property {number|null} crop cell of `crops`
 * @typedef {{entries: number[], strengths: number[]}} Fired indices of words, -1 for none, and 0..1000
 * @typedef {Fired & {probe: number, magnitudes: number[], class_token?: Fired|null, sources?: number[],
 *   likeness?: number[], tokens?: number[]}} DictionaryPicture lists over positions, row by row
 * @typedef {Common & {rows?: number, columns?: number, top?: number, channels?: number, words?: Word[],
 *   icons?: Sheet|null, crops?: Sheet|null, scale?: number, magnitude_scale?: number, pictures?: DictionaryPicture[],
 *   crop?: [number, number]|null, typical_likeness?: number|null, grid?: Sheet|null}} DictionaryData
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
 * @property {number|null} [alarm] step at which the alarm of the training rang for it
 * @typedef {{alpha: number, spent: number, share: number, looks: number, tests: number, comparisons: number}} Watch
 * @typedef {{count: number, examples: Sheet}} Examples
 * @typedef {Common & {tests?: ConceptTest[], family?: number, alpha?: number, exploratory?: boolean, watch?: Watch|null,
 *   cautions?: string[], headline?: any, concepts?: Record<string, Examples>, pool?: Examples|null}} ConceptsData
 *
 * @typedef {object} RunFinding one thing that a person would want to be told of a run
 * @property {string} kind
 * @property {string} sentence
 * @property {number} step at which it was found
 * @property {Record<string, string|number>} subject
 * @property {string} [rate] how often such a thing is said though it is not so
 * @property {{kind: string, layer: string, step: number}|null} [evidence]
 * @typedef {Common & {findings?: RunFinding[]}} FindingsData
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
