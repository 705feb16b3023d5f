"""Check the built documentation: ``python docs/check_pages.py docs/_build``.

The files are checked for images without an alternative text and links that lead nowhere. Then a
browser opens every page in two widths, light and dark, and what does not fit the width, errors on
the console and files that do not load are reported. The exit status is 1 if anything was found.

The browser needs ``pip install playwright``, and Chromium or Chrome on the PATH (or ``playwright
install chromium``). ``--static`` checks only the files, in seconds; ``--screenshots FOLDER`` also
writes an image of each page.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

WIDTHS = (1440, 390)
SCHEMES = ("light", "dark")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")

# Elements that end beyond the window, or are cut off at their own edge. Programs, tables and
# formulas may scroll by themselves; that the whole article does so, as the theme allows, is a
# fault.
TOO_WIDE = """() => {
  const scrolls = e => e.closest("pre, .highlight, table, .math, .table-responsive");
  const width = document.documentElement.clientWidth;
  const found = [];
  if (document.documentElement.scrollWidth > width)
    found.push(`the page is ${document.documentElement.scrollWidth} pixels wide`);
  for (const e of document.querySelectorAll("article *, header *, footer *")) {
    const box = e.getBoundingClientRect();
    const style = getComputedStyle(e);
    if (!box.width || !e.checkVisibility() || style.position === "fixed") continue;
    if (e.closest(".headerlink, .math, .visually-hidden, .sr-only, svg, dialog")) continue;
    const cut = /hidden|clip/.test(style.overflowX) && e.scrollWidth > e.clientWidth + 1;
    if (!cut && (box.right <= width + 1 || scrolls(e))) continue;
    const name = e.tagName.toLowerCase() + (e.className ? "." + e.classList[0] : "");
    found.push(`${name} "${e.textContent.trim().slice(0, 40)}" ${cut ? "is cut off" : "ends at "
      + Math.round(box.right)}`);
  }
  return found.slice(0, 5);
}"""


class Page:
    """A file: its links, images, and what can be linked to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        self.anchors = {tag["id"] for tag in soup.find_all(id=True)}
        self.links = {tag["href"] for tag in soup.find_all("a", href=True)}
        self.images = [
            (tag.get("src", ""), tag.get("alt"))
            for tag in soup.find_all("img")
            # A thumbnail is beside its title, which says what it shows.
            if not tag.find_parent(class_="sphx-glr-thumbcontainer")
        ]

    def images_without_text(self) -> Iterator[str]:
        for source, text in self.images:
            # Without a text, Sphinx writes the name of the file.
            if not text or Path(text).name == Path(source).name:
                yield f"image without alternative text: {source}"

    def dead_links(self, pages: dict[Path, Page]) -> Iterator[str]:
        for link in self.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (self.path.parent / unquote(parts.path)).resolve() if parts.path else self.path
            page = pages.get(target)
            if page is None and not target.is_file():
                yield f"dead link: {link}"
            elif page and parts.fragment and unquote(parts.fragment) not in page.anchors:
                yield f"link to a place that does not exist: {link}"


def check_files(pages: dict[Path, Page]) -> Iterator[tuple[Path, str]]:
    for path, page in pages.items():
        for fault in (*page.images_without_text(), *page.dead_links(pages)):
            yield path, fault


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None: ...


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of the folder: browsers restrict what pages on disk may load."""
    handler = partial(QuietHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@contextmanager
def browser_page():
    """A page of a browser without a window."""
    from playwright.sync_api import sync_playwright

    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def check_in_browser(
    folder: Path, paths: list[Path], screenshots: Path | None
) -> Iterator[tuple[Path, str]]:
    with served(folder) as address, browser_page() as page:
        errors: list[str] = []
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("requestfailed", lambda request: errors.append(f"not loaded: {request.url}"))
        for path in paths:
            name = path.relative_to(folder)
            page.goto(f"{address}/{name.as_posix()}")
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                for scheme in SCHEMES:
                    page.emulate_media(color_scheme=scheme)
                    errors += [f"{fault} ({width}, {scheme})" for fault in page.evaluate(TOO_WIDE)]
                    if screenshots:
                        file = screenshots / f"{name.stem}-{width}-{scheme}.png"
                        page.screenshot(path=file, full_page=True)
            yield from ((path, error) for error in errors)
            errors.clear()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="the HTML that Sphinx built")
    parser.add_argument("--static", action="store_true", help="do not start a browser")
    parser.add_argument("--only", help="part of the names of the pages that the browser opens")
    parser.add_argument("--screenshots", type=Path, help="folder for an image of each page")
    options = parser.parse_args()
    folder = options.folder.resolve()
    pages = {
        path: Page(path) for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts
    }
    if not pages:
        parser.error(f"there is no page in {folder}")
    faults = list(check_files(pages))
    if not options.static:
        if options.screenshots:
            options.screenshots.mkdir(parents=True, exist_ok=True)
        opened = [path for path in pages if (options.only or "") in path.name]
        faults += check_in_browser(folder, opened, options.screenshots)
    for path, fault in faults:
        print(f"{path.relative_to(folder)}: {fault}")
    print(f"{len(pages)} pages, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
