#!/usr/bin/env python3
"""Opens what `pkgtool explain-size --html` writes in headless Chromium.

    size_page_test.py PKGTOOL [--keep DIR]

The page must draw itself without an error: a rectangle for each region and symbol that took
something, with an area in proportion, filling the map without overlap, and a table with the same
numbers. --keep leaves pages and screenshots in DIR. Exit status 77: there is no Chromium.
"""

import argparse
import html.parser
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HELPERS = pathlib.Path(__file__).resolve().parent.parent / "cli" / "helpers.py"
SKIPPED = 77
# No network, no background work, nothing that asks.
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--window-size=1280,1600"]


class Page(html.parser.HTMLParser):
    """What a script left behind: the page's attributes, rectangles and table."""

    def __init__(self, text):
        super().__init__()
        self.root = {}
        self.leaves = []
        self.svg = None
        self.rows = []
        self.title = ""
        self.open = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "html":
            self.root = attributes
        elif tag == "svg":
            self.svg = attributes
        elif tag == "rect" and "leaf" in attributes.get("class", "").split():
            self.leaves.append(attributes)
        elif tag == "tr":
            self.rows.append((attributes.get("class", "head"), []))
        elif tag in ("th", "td"):
            self.rows[-1][1].append("")
        if tag not in ("meta", "link", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, text):
        if "title" in self.open and "svg" not in self.open:
            self.title += text
        if self.open and self.open[-1] in ("th", "td"):
            self.rows[-1][1][-1] += text


class Browser:
    def __init__(self, program):
        self.program = program

    def run(self, *arguments):
        profile = tempfile.mkdtemp(prefix="browser-")
        try:
            return subprocess.run([self.program, *FLAGS, f"--user-data-dir={profile}", *arguments],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=100, check=True).stdout.decode()
        finally:
            shutil.rmtree(profile, ignore_errors=True)


def number(text):
    return int(text.replace(",", ""))


def places(report):
    """The names and payload bytes of what is drawn."""
    result = [("structure", report["structure_bytes"])]
    for region in report["regions"]:
        result += [(p["name"], p["payload_bytes"]) for p in region.get("symbols", [region])]
    return sorted((name, count) for name, count in result if count > 0)


def check_map(page, report):
    drawn = sorted((leaf["data-name"], int(leaf["data-bytes"])) for leaf in page.leaves)
    assert drawn == places(report), f"{drawn} is not {places(report)}"
    assert page.root.get("data-ready") == str(len(drawn)), page.root
    x, y, width, height = (float(value) for value in page.svg["viewbox"].split())
    assert (x, y) == (0, 0) and width > 600 and height >= 360, page.svg
    scale = width * height / report["payload_bytes"]
    boxes = []
    for leaf in page.leaves:
        left, top, w, h = (float(leaf[key]) for key in ("x", "y", "width", "height"))
        wanted = int(leaf["data-bytes"]) * scale
        assert abs(w * h - wanted) <= 1e-6 * width * height, f"{leaf}: {w * h} is not {wanted}"
        assert left >= 0 and top >= 0, leaf
        assert left + w <= width + 0.001 and top + h <= height + 0.001, leaf
        boxes.append((left, top, left + w, top + h))
    # They fill the map, so none may overlap.
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            across = min(a[2], b[2]) - max(a[0], b[0])
            down = min(a[3], b[3]) - max(a[1], b[1])
            assert across <= 0.001 or down <= 0.001, f"{a} overlaps {b}"


def check_table(page, report):
    regions = [cells for kind, cells in page.rows if kind == "region"]
    symbols = [cells for kind, cells in page.rows if kind == "symbol"]
    assert page.rows[0][1][3] == "Payload bytes", page.rows[0]
    assert sum(number(cells[3]) for cells in regions) == report["payload_bytes"]
    listed = {cells[0]: number(cells[3]) for cells in regions}
    for region in report["regions"]:
        if region["payload_bytes"] > 0 and region["name"] != "(no section)":
            assert listed[region["name"]] == region["payload_bytes"], region["name"]
    wanted = sorted(p["payload_bytes"] for r in report["regions"] for p in r.get("symbols", []))
    assert sorted(number(cells[3]) for cells in symbols) == [n for n in wanted if n > 0]
    assert number(page.rows[-1][1][3]) == report["payload_bytes"], page.rows[-1]


class Case:
    """A package between two images, explained."""

    def __init__(self, pkgtool, directory, name, source, target, options=()):
        self.name = name
        self.html = directory / f"{name}.html"
        package = directory / f"{name}.pku"
        from_source = ["--source", source] if source else []
        subprocess.run([pkgtool, "build", "-q", "--package-id", "com.example." + name, *from_source,
                        *(["--source-version", "1.0"] if source else []), "--target", target,
                        "--target-version", "2.0", "--unsigned", *options, "-o", package],
                       check=True)
        self.report = json.loads(subprocess.run(
            [pkgtool, "explain-size", package, *from_source, "--html", self.html, "--format",
             "json"], stdout=subprocess.PIPE, check=True).stdout)

    def check(self, browser, screenshots):
        page = Page(browser.run("--dump-dom", self.html.as_uri()))
        assert "data-error" not in page.root, page.root["data-error"]
        check_map(page, self.report)
        check_table(page, self.report)
        assert "com.example." + self.name in page.title, page.title
        self.check_details(browser)
        picture = self.html.with_suffix(".png")
        browser.run(f"--screenshot={picture}", self.html.as_uri())
        assert picture.stat().st_size > 20_000, "the screenshot is empty"
        print(f"{self.name}: {len(page.leaves)} rectangles, {len(page.rows)} rows")
        if screenshots:
            shutil.copy(picture, screenshots)
            shutil.copy(self.html, screenshots)


    def check_details(self, browser):
        """A click on the largest rectangle keeps its numbers."""
        clicked = self.html.with_suffix(".clicked.html")
        clicked.write_text(self.html.read_text() + """<script>
            const most = [...document.querySelectorAll(".leaf")].sort(
              (a, b) => b.dataset.bytes - a.dataset.bytes)[0];
            most.dispatchEvent(new MouseEvent("click"));
            most.dispatchEvent(new PointerEvent("pointerleave"));
            document.documentElement.dataset.details = document.getElementById("details").textContent;
            </script>""")
        root = Page(browser.run("--dump-dom", clicked.as_uri())).root
        assert "data-error" not in root, root["data-error"]
        count = max(count for _, count in places(self.report))
        assert f"{count:,} payload bytes" in root["data-details"], root


def make_cases(pkgtool, directory):
    def helper(*arguments):
        subprocess.run([sys.executable, HELPERS, *map(str, arguments)], cwd=directory, check=True)

    helper("image", "v1.img", 400_000)
    helper("revise", "v1.img", "v2.img")
    helper("elf", "e1.img", "v1.img")
    helper("elf", "e2.img", "v2.img")
    v1, v2, e1, e2 = (directory / name for name in ("v1.img", "v2.img", "e1.img", "e2.img"))
    yield Case(pkgtool, directory, "raw", v1, v2)
    yield Case(pkgtool, directory, "elf", e1, e2)
    yield Case(pkgtool, directory, "columns", e1, e2, ["--codec", "zstd"])
    yield Case(pkgtool, directory, "full", None, v2)


def main():
    parser = argparse.ArgumentParser(description="Opens size pages in Chromium.")
    parser.add_argument("pkgtool", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR")
    arguments = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        print("skipped: chromium is not installed (tests/setup.sh tests installs it)")
        return SKIPPED
    if arguments.keep:
        os.makedirs(arguments.keep, exist_ok=True)
    browser = Browser(program)
    with tempfile.TemporaryDirectory(prefix="size-page-") as directory:
        for case in make_cases(arguments.pkgtool.resolve(), pathlib.Path(directory)):
            case.check(browser, arguments.keep)
    return 0


if __name__ == "__main__":
    sys.exit(main())
