// What the front end uses of static/vendor/preact-htm.js, written by hand for tsc alone.

export type Node = object | string | number | boolean | null | undefined;

/** Functions in a template are handlers or children: what they are given is not known. */
export function html(strings: TemplateStringsArray, ...values: (((...given: any[]) => any) | Node)[]): Node;
export function render(node: Node, place: Element): void;

export function useState<T>(first: T | (() => T)): [T, (next: T | ((before: T) => T)) => void];
export function useRef<T>(first: T): { current: T };
export function useMemo<T>(make: () => T, depends: unknown[]): T;
/** Preact calls what an effect returns if it is a function, and ignores anything else. */
export function useEffect(effect: () => unknown, depends?: unknown[]): void;
export function useLayoutEffect(effect: () => unknown, depends?: unknown[]): void;
export function useErrorBoundary(): [any, () => void];
