"""Looks at pages in a real browser: ``make check-pages``.  No part of the tests, as it needs Chromium.

Made-up runs of every kind, one of them with names that are scripts, and any files named on the command line are shown in light
and dark surroundings, on a desk and on a phone, and as printed.  Each must run nothing, ask for nothing, fit the window, and be
readable.

    python tests/pages_in_browser.py [--pictures FOLDER] [--browser PATH] [FILE ...]
"""
from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from browser import Browser
from made_runs import OTHERS, UNFRIENDLY, board_run, host_run, run_without_counters

from dlgraph.pages import document

#: name -> width of the window, colours, medium.
VIEWS = {"desk": (1100, "light", "screen"), "desk_dark": (1100, "dark", "screen"), "phone": (375, "light", "screen"),
         "phone_dark": (375, "dark", "screen"), "paper": (760, "dark", "print")}
#: Of words to what is behind them, as WCAG 2 has it for text; of the numbers on chips, which a table repeats.
LEAST_CONTRAST, LEAST_CONTRAST_ON_CHIPS = 4.5, 3.0

#: What a browser says on its own where something is wrong, or runs.
COMPLAINTS = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Page.javascriptDialogOpening")
#: Makes (what, contrast) pairs of all words that are shown.
CONTRASTS = """(() => {
  const light = colour => {
    const parts = colour.match(/[0-9.]+/g).slice(0, 3).map(v => v / 255)
        .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const seen = colour => colour !== 'transparent' && !/rgba\\(.*, 0\\)/.test(colour) && colour !== 'none';
  const behind = node => {
    for (let each = node; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (seen(colour)) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = [];
  for (const node of document.querySelectorAll('body *')) {
    const words = [...node.childNodes].filter(each => each.nodeType === 3 && each.data.trim());
    if (!words.length || node.tagName === 'title' || !node.getClientRects().length) continue;
    const shape = node.tagName === 'text' && node.parentElement.querySelector('polygon');
    const fill = shape && getComputedStyle(shape).fill;
    const style = getComputedStyle(node);
    const own = node.tagName === 'text' ? style.fill : style.color;
    found.push([node.tagName + ': ' + words[0].data.trim().slice(0, 30), node.tagName === 'text',
                contrast(own, shape && seen(fill) ? fill : behind(node))]);
  }
  return found;
})()"""
#: Words in drawings that reach beyond them.
BEYOND = """[...document.querySelectorAll('svg text')].filter(each => {
  const box = each.getBBox(), view = each.ownerSVGElement.viewBox.baseVal;
  return box.x < view.x - 1 || box.y < view.y - 1 || box.x + box.width > view.x + view.width + 1
      || box.y + box.height > view.y + view.height + 1;
}).map(each => each.textContent)"""


def faults(browser: Browser, page: Path, width: int, scheme: str, media: str) -> list[str]:
    """What is not as it should be with a page in a view."""
    browser.open(page, width, 900, scheme, media)
    found = []
    asked = [event["params"]["request"]["url"] for event in browser.events if event["method"] == "Network.requestWillBeSent"]
    if asked != [page.resolve().as_uri()]:
        found.append(f"it asks for {asked}")
    found += [f"the browser says: {event['params']}" for event in browser.events
              if event["method"] in COMPLAINTS]
    if browser.evaluate("document.title") == "ran" or browser.evaluate("document.scripts.length + document.images.length"):
        found.append("a name has become markup")
    wide = browser.evaluate("document.documentElement.scrollWidth")
    if wide > width:
        found.append(f"it is {wide} wide in a window of {width}")
    beyond = browser.evaluate(BEYOND)
    if beyond:
        found.append(f"words reach beyond their drawing: {beyond}")
    found += [f"contrast {contrast:.2f}: {what}" for what, in_drawing, contrast in browser.evaluate(CONTRASTS)
              if contrast < (LEAST_CONTRAST_ON_CHIPS if in_drawing else LEAST_CONTRAST)]
    if media == "print" and browser.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)":
        found.append("paper is not white")
    return found


def made_pages(folder: Path) -> list[Path]:
    """Pages of made-up runs."""
    unfriendly = board_run("3", title=UNFRIENDLY, machine=UNFRIENDLY, facts=((UNFRIENDLY, UNFRIENDLY),))
    pages = {"spinn5": document([board_run("5")]), "spinn3": document([board_run("3")]),
             "board": document([run_without_counters()]), "host": document([host_run()]),
             "unfriendly": document([unfriendly], UNFRIENDLY),
             "several": document([board_run("5"), board_run("3"), host_run()], "Several runs", ["Made up, all of them."], OTHERS)}
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return [folder / f"{name}.html" for name in pages]


def main(arguments: list[str] | None = None) -> int:
    """Look at all; 1 if one is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", type=Path, metavar="FILE", help="further pages to look at")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="keep a picture of every page in every view")
    parser.add_argument("--browser", metavar="PATH", help="Chromium or Chrome; default: the first that is found")
    options = parser.parse_args(arguments)
    n_wrong = n_views = 0
    with tempfile.TemporaryDirectory() as folder, Browser(options.browser) as browser:
        for page in [*made_pages(Path(folder)), *options.pages]:
            for view, (width, scheme, media) in VIEWS.items():
                wrong = faults(browser, page, width, scheme, media)
                n_views, n_wrong = n_views + 1, n_wrong + bool(wrong)
                for each in wrong:
                    print(f"{page.name}, {view}: {each}", file=sys.stderr)
                if options.pictures:
                    options.pictures.mkdir(parents=True, exist_ok=True)
                    browser.screenshot(options.pictures / f"{page.stem}_{view}.png")
    print(f"{n_views} views of {n_views // len(VIEWS)} pages, {n_wrong} of them not as they should be")
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
