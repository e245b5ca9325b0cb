"""Checks the built documentation: its links, and its pages in a real browser.

    sphinx-build -W docs docs/_build && python docs/check_site.py [docs/_build]

Without a browser: every link to a page of the site leads to a file, and to an anchor in
it. In Chromium, through Playwright: no page asks another host for anything or raises a
JavaScript error, every formula is typeset, no picture is missing, no page is wider than
a phone, no name of a parameter is broken, the header has one line, and wide tables
scroll. The browser is the one named by the environment variable CHROMIUM, a
Chromium or Chrome on the PATH, or Playwright's own. Where there is none this says so,
and that alone is a failure only with ``--require-browser``.
"""

import argparse
import functools
import http.server
import os
import shutil
import sys
import threading
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

PHONE = {"width": 390, "height": 844}
TABLET = {"width": 1000, "height": 900}
DESKTOP = {"width": 1400, "height": 900}
# Height in pixels of a header of one line, at most.
ONE_LINE = 90
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


class Page(HTMLParser):
    """The anchors of a page, and what it refers to."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links = {""}, []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors |= {attrs[name] for name in ("id", "name") if attrs.get(name)}
        self.links += [attrs[name] for name in ("href", "src") if attrs.get(name)]


def pages_of(site):
    # Files of the theme and of MathJax are no pages of ours.
    return sorted(p for p in site.rglob("*.html") if "_static" not in p.parts)


def broken_links(site):
    """Links (page, link) of the site that lead nowhere in it; the number of all."""
    pages = {path.resolve(): Page(path) for path in pages_of(site)}
    broken, n_links = [], 0
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            n_links += 1
            target = (path.parent / unquote(parts.path)).resolve()
            target = target if parts.path else path
            # "#:~:text=" makes the browser look for a text; it is no anchor.
            anchor = unquote(parts.fragment).partition(":~:")[0]
            found = target.is_file() and (
                target not in pages or anchor in pages[target].anchors
            )
            if not found:
                broken.append((path.relative_to(site.resolve()), link))
    return broken, n_links


# Pages that have to be there, with formulas: the start, a page of the guide, of the
# gallery and of the reference.
MUST_HAVE = (
    "index.html",
    "guide/objective.html",
    "auto_examples/plot_select_lambda.html",
    "generated/skl2.MLPClassifier.html",
)


def unlinked_names(site):
    """Faults of the start page, whose class names are to link to the reference."""
    links = Page(site / "index.html").links
    names = ("MLPClassifier", "model_selection.MLPClassifierCV", "export.compress")
    return [
        f"index.html: {name} is no link to the reference"
        for name in names
        if not any(link.startswith(f"generated/skl2.{name}.html") for link in links)
    ]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def serve(site):
    handler = functools.partial(QuietHandler, directory=site)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def find_browser():
    """Path of an installed Chromium; None leaves it to Playwright."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


class NoBrowser(Exception):
    pass


# What a page that has finished loading says about itself.
STATE = """() => ({
  formulas: document.querySelectorAll('.math').length,
  typeset: document.querySelectorAll('.math mjx-container').length,
  errors: document.querySelectorAll('mjx-merror, [data-mjx-error]').length,
  height: Math.min(...[...document.querySelectorAll('.math mjx-container')].map(
    e => e.getBoundingClientRect().height).concat(1)),
  missing: [...document.images].filter(i => !i.naturalWidth).map(i => i.src),
  // The theme lets an article that is too wide scroll: that counts as too wide as well.
  width: Math.max(document.documentElement.scrollWidth, ...[
    ...document.querySelectorAll('.bd-article-container')].map(
    e => innerWidth + e.scrollWidth - e.clientWidth)),
  // The text of a name that is broken has rectangles in more than one line.
  broken: [...document.querySelectorAll('dl.field-list dt > strong')].filter(e => {
    const range = document.createRange();
    range.selectNodeContents(e);
    const tops = [...range.getClientRects()].map(r => Math.round(r.top));
    return !e.textContent.includes(',') && new Set(tops).size > 1;
  }).map(e => e.textContent),
  header: document.querySelector('header.bd-header').offsetHeight,
  // A table that is wider than its page has to scroll by itself.
  cut: [...document.querySelectorAll('.bd-article table')].filter(
    e => e.scrollWidth > e.clientWidth + 1
      && getComputedStyle(e).overflowX != 'auto').length,
  wide: [...document.querySelectorAll('body *')].filter(
    e => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 3).map(
    e => e.tagName + '.' + e.className),
})"""
# Pictures below the fold load when they are scrolled to; here all are wanted at once.
LOADED = """async () => {
  document.querySelectorAll('img[loading=lazy]').forEach(i => i.loading = 'eager');
  if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
  await Promise.all([...document.images].map(i => i.decode().catch(() => {})));
}"""


def check_page(browser, root, site, path, screenshots):
    """Faults of one page at each width, and its number of formulas."""
    name = path.relative_to(site).as_posix()
    faults, formulas = [], 0
    page = browser.new_page(viewport=DESKTOP)
    outside = []

    def route(handler, request):
        if request.url.startswith((root, "data:", "blob:")):
            return handler.continue_()
        outside.append(request.url)
        return handler.abort()

    page.route("**/*", route)
    page.on("pageerror", lambda error: faults.append(f"JavaScript: {error}"))
    page.on("response", lambda r: r.ok or faults.append(f"{r.status}: {r.url}"))
    page.goto(root + name)
    for view in (DESKTOP, TABLET, PHONE):
        page.set_viewport_size(view)
        page.evaluate(LOADED)
        state = page.evaluate(STATE)
        formulas = state["formulas"]
        label = f"at {view['width']} px"
        if state["typeset"] != formulas or state["errors"] or not state["height"]:
            faults.append(
                f"{label}: {state['typeset']} of {formulas} formulas are typeset, "
                f"{state['errors']} with errors"
            )
        if state["missing"]:
            faults.append(f"pictures missing: {state['missing']}")
        if state["width"] > view["width"]:
            faults.append(f"{label}: {state['width']} px wide, {state['wide']}")
        if state["broken"]:
            faults.append(f"{label}: names broken: {state['broken']}")
        if state["header"] > ONE_LINE:
            faults.append(f"{label}: the header is {state['header']} px high")
        if state["cut"]:
            faults.append(f"{label}: {state['cut']} tables cut off")
        if screenshots:
            file = screenshots / f"{name.replace('/', '_')}-{view['width']}.png"
            page.screenshot(path=file, full_page=True)
    page.close()
    faults += [f"asks for {url}" for url in outside]
    return [f"{name}: {fault}" for fault in faults], formulas


def check_in_browser(site, screenshots=None):
    """Faults of all pages in Chromium, and its version."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise NoBrowser("Playwright is not installed: pip install playwright") from None
    server = serve(site)
    root = f"http://127.0.0.1:{server.server_port}/"
    try:
        with sync_playwright() as playwright:
            try:
                # Chromium's sandbox does not work for root and in many containers.
                browser = playwright.chromium.launch(
                    executable_path=find_browser(), args=["--no-sandbox"]
                )
            except Error as error:
                raise NoBrowser(
                    "Chromium cannot be started: install it by the system's package "
                    "manager or by 'playwright install chromium'.\n"
                    f"{str(error).splitlines()[0]}"
                ) from None
            found = {
                path: check_page(browser, root, site, path, screenshots)
                for path in pages_of(site)
            }
            version = browser.version
            browser.close()
    finally:
        server.shutdown()
    faults = [fault for page_faults, _ in found.values() for fault in page_faults]
    n_formulas = sum(n for _, n in found.values())
    # The number of formulas of a page comes from its HTML: none at all on a page that
    # must have some would pass every check above.
    for name in MUST_HAVE:
        if not found.get(site / name, ([], 0))[1]:
            faults.append(f"{name}: no formula")
    return faults, version, len(found), n_formulas


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).parent / "_build"
    parser.add_argument("site", nargs="?", type=Path, default=default)
    parser.add_argument("--require-browser", action="store_true")
    parser.add_argument("--screenshots", type=Path, help="folder to write pictures to")
    args = parser.parse_args()
    site = args.site.resolve()
    faults = [f"{n}: no such page" for n in MUST_HAVE if not (site / n).is_file()]
    faults = faults or unlinked_names(site)
    broken, n_links = broken_links(site)
    faults += [f"{page}: leads nowhere: {link}" for page, link in broken]
    print(f"{n_links} links on {len(pages_of(site))} pages, {len(broken)} broken")
    status = 0
    if args.screenshots:
        args.screenshots.mkdir(parents=True, exist_ok=True)
    try:
        start = time.perf_counter()
        found, version, n_pages, n_formulas = check_in_browser(site, args.screenshots)
        faults += found
        print(
            f"Chromium {version}: {n_pages} pages with {n_formulas} formulas, at "
            f"{DESKTOP['width']}, {TABLET['width']} and {PHONE['width']} px, "
            f"{len(found)} faults, "
            f"{time.perf_counter() - start:.0f} s"
        )
    except NoBrowser as error:
        print(f"SKIPPED, the pages were not opened in a browser: {error}")
        status = int(args.require_browser)
    print("\n".join(faults))
    return 1 if faults else status


if __name__ == "__main__":
    sys.exit(main())
