"""What is read from a page is read once the page has come to rest, however slow the machine is.

A page is at rest when nothing that it began is under way: no answer, no picture that is being decoded, no short timer
and no drawing. It is counted, not timed, so that a read neither comes too early nor waits for longer than it must.
"""

import functools
from collections.abc import Callable
from typing import Any

from playwright.sync_api import BrowserContext, Error, Frame, Locator, Page

LONGEST = 20  # s until a page that does not come to rest fails its test

# Timers of more than half a second are no work: they are looks for new steps, or take a word away again.
COUNT = """(() => {
    const under = new Map(); // what is under way, with its name
    let change = 0, rest = -1, next = 0;
    const begin = (name) => { change++; under.set(++next, name); return next; };
    const end = (key) => { if (under.delete(key)) change++; };
    const frame = window.requestAnimationFrame.bind(window), timer = window.setTimeout.bind(window);
    const promised = (owner, name) => {
        const first = owner?.[name];
        if (!first) return;
        owner[name] = function (...given) {
            const key = begin(`${name} ${typeof given[0] === "string" ? given[0] : ""}`);
            let answer;
            try { answer = first.apply(this, given); } catch (error) { end(key); throw error; }
            // what waits for it is told first
            answer.then(() => timer(() => end(key)), () => timer(() => end(key)));
            return answer;
        };
    };
    promised(window, "fetch");
    promised(window, "createImageBitmap");
    promised(window.HTMLImageElement?.prototype, "decode");
    for (const name of ["json", "text", "blob", "arrayBuffer"]) promised(window.Response?.prototype, name);
    const scheduled = (name, undo, counts) => {
        const first = window[name].bind(window), forget = window[undo].bind(window), keys = new Map();
        window[name] = (run, ...given) => {
            if (typeof run !== "function" || !counts(...given)) return first(run, ...given);
            const key = begin(name);
            const made = first((...told) => {
                keys.delete(made);
                try { run(...told); } finally { end(key); }
            }, ...given);
            keys.set(made, key);
            return made;
        };
        window[undo] = (made) => { end(keys.get(made)); keys.delete(made); forget(made); };
    };
    scheduled("setTimeout", "clearTimeout", (delay = 0) => delay <= 500);
    scheduled("requestAnimationFrame", "cancelAnimationFrame", () => true);
    if (window.requestIdleCallback) scheduled("requestIdleCallback", "cancelIdleCallback", () => true);
    const touched = () => { change++; };
    const acts = ["pointerdown", "pointerup", "pointermove", "click", "keydown", "keyup", "input", "change", "focusin",
        "focusout", "scroll", "resize", "hashchange", "popstate", "message", "load"];
    for (const act of acts) window.addEventListener(act, touched, { capture: true, passive: true });
    const all = { subtree: true, childList: true, attributes: true, characterData: true };
    new MutationObserver(touched).observe(document, all);
    // Two frames, in which observers of sizes are told; a frame that is hidden gets none.
    const drawn = () => new Promise((tell) => { frame(() => frame(() => timer(tell))); timer(tell, 500); });
    window.comeToRest = async (longest) => {
        const start = performance.now();
        while (rest !== change || under.size || document.readyState !== "complete") {
            if (performance.now() - start > longest * 1000) return [...under.values(), document.readyState];
            const before = change;
            await drawn();
            if (before === change && !under.size) rest = change;
        }
        return [];
    };
})()"""

READS = {
    Locator: (
        "all",
        "all_inner_texts",
        "all_text_contents",
        "bounding_box",
        "count",
        "evaluate",
        "evaluate_all",
        "get_attribute",
        "inner_html",
        "inner_text",
        "input_value",
        "is_checked",
        "is_disabled",
        "is_enabled",
        "is_hidden",
        "is_visible",
        "text_content",
    ),
    Frame: ("evaluate",),
}
evaluate_at_once = Frame.evaluate  # without waiting


def count_work(context: BrowserContext) -> None:
    """Count, in all pages that are opened in `context` from now on, what is under way."""
    context.add_init_script(COUNT)


def come_to_rest(page: Page) -> None:
    """Wait until the tab in `page`, or a page by itself, is at rest."""
    for frame in page.frames[1:] or page.frames:  # TensorBoard's own page around the tab never rests
        try:
            busy = evaluate_at_once(frame, "(longest) => window.comeToRest?.(longest) ?? []", LONGEST)
        except Error:  # it has gone, or goes to another address: whoever reads it will hear of it
            continue
        assert not busy, f"not at rest within {LONGEST} s: {', '.join(busy[:8])}"


def read_at_rest() -> Callable[[], None]:
    """Make each read of a page wait for its rest; return what undoes it."""
    firsts = [(owner, name, getattr(owner, name)) for owner, names in READS.items() for name in names]
    for owner, name, first in firsts:
        setattr(owner, name, _resting(first))
    return lambda: [setattr(*one) for one in firsts] and None


def _resting(read: Callable[..., Any]) -> Callable[..., Any]:
    """Return a read that waits first."""

    @functools.wraps(read)
    def resting(place: Locator | Frame, *given: Any, **named: Any) -> Any:
        come_to_rest(place.page)
        return read(place, *given, **named)

    return resting
