/**
 * Some of many things: a line that says how many of them are shown, and buttons for the other pages.
 *
 * @import { Ctx } from "../model.js"
 */
import { html } from "../vendor/preact-htm.js";
import { plural, whole } from "../format.js";
import { pageNumbers, pageOf, readPage, writePage } from "./pages.js";

/**
 * @param {{ctx: Ctx, place: string, what: string, count: number, total: number, all: Record<string, string>,
 *   size?: number, children: (from: number, to: number) => any}} props `place` tells these pages from others; `count` of
 *   `total` things are wanted; `all` is the choice that shows all; the children draw those of one page
 */
export function Paged({ ctx, place, what, count, total, all, size, children }) {
  const { page, pages, from, to } = pageOf(count, readPage(ctx.choice.pages, place), size);
  const filtered = count < total;
  return html`
    ${
      filtered &&
      html`
        <p class="arranged-line" role="status">
          ${count ? `${whole(count)} of ${plural(total, what)}` : `None of ${plural(total, what)} fits.`}${" "}
          <button class="link" onClick=${() => ctx.choose({ ...all, pages: "" })}>Show all ${whole(total)}</button>
        </p>
      `
    }
    ${children(from, to)}
    ${
      pages > 1 &&
      html`
        <${Pager}
          page=${page}
          pages=${pages}
          said=${`${whole(from + 1)} to ${whole(to)} of ${plural(count, what)}`}
          label=${`Pages of ${what}s`}
          onPage=${(/** @type {number} */ next) => ctx.choose({ pages: writePage(ctx.choice.pages, place, next) })}
        />
      `
    }
  `;
}

/**
 * @param {{page: number, pages: number, said: string, label: string, onPage: (page: number) => void}} props
 */
function Pager({ page, pages, said, label, onPage }) {
  const go = (/** @type {number} */ next) => next >= 1 && next <= pages && onPage(next);
  return html`
    <nav class="pager" aria-label=${label}>
      <button class="button" aria-disabled=${page === 1} onClick=${() => go(page - 1)}>‹ Previous</button>
      ${pageNumbers(page, pages).map((number) =>
        number === null
          ? html`
              <span aria-hidden="true">…</span>
            `
          : html`
              <button
                key=${number}
                class="button"
                aria-label=${`Page ${number}`}
                aria-current=${number === page ? "page" : "false"}
                onClick=${() => go(number)}
              >
                ${number}
              </button>
            `,
      )}
      <button class="button" aria-disabled=${page === pages} onClick=${() => go(page + 1)}>Next ›</button>
      <span class="quiet" role="status">${said}</span>
    </nav>
  `;
}
