"""Draw the pictures of the README anew, from the demo's report in a real browser.

    tf-interp demo --out LOGS && python tests/readme_pictures.py LOGS

They go to `examples/pictures/`.
"""

import argparse
import pathlib
import sys
import tempfile

from browser_checks import start_browser
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tf_interp import demo, write_report

FOLDER = pathlib.Path(__file__).parent.parent / "examples/pictures"
SIZE = {"width": 1200, "height": 800}
TO_TOP = "(one) => scrollTo(0, one.getBoundingClientRect().top + scrollY - 150)"  # under the bar


def show_overview(page: Page) -> None:
    """What was found, in words."""
    page.get_by_role("button", name="Got it").click()


def show_decision(page: Page) -> None:
    """Why a tagged picture was taken for the tagged digit."""
    pictures = page.locator(".picture-choice, .strip button")
    pictures.nth(12).click()
    page.get_by_text("how to read the edges").evaluate(
        "(one) => scrollTo(0, one.getBoundingClientRect().top + scrollY - 150)"
    )


def show_concepts(page: Page) -> None:
    """How the reliance grew."""
    page.get_by_label("Layer", exact=True).select_option(demo.LAYER)


SECTIONS = {"Overview": show_overview, "Decision": show_decision, "Concepts": show_concepts}


def main() -> int:
    """Write the report, open it from the disk, and take a picture of each section."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("logs", type=pathlib.Path, help="what the demo wrote")
    logs = parser.parse_args().logs
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        sync_playwright() as playwright,
        start_browser(playwright) as browser,
    ):
        report = pathlib.Path(scratch) / "report.html"
        write_report(logs, report)
        page = browser.new_page()
        page.set_viewport_size(SIZE)
        page.goto(report.as_uri())
        for section, show in SECTIONS.items():
            page.get_by_role("navigation").get_by_role("button", name=section, exact=True).click()
            page.evaluate("scrollTo(0, 0)")
            page.locator("main canvas").first.wait_for()
            show(page)
            page.mouse.move(0, 0)
            page.wait_for_timeout(500)  # a picture fades in
            taken = pathlib.Path(scratch) / "taken.png"
            page.screenshot(path=taken)
            path = FOLDER / f"{section.lower()}.webp"
            Image.open(taken).convert("RGB").save(path, quality=85, method=6)
            print(f"{path}  {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
