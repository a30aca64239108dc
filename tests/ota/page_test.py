#!/usr/bin/env python3
"""Opens the DM server's status page in headless Chromium.

    page_test.py --bin BUILD --work DIR

One device has got the release, one has refused it, and one was never seen. What the browser shows
must be what /devices.json says, and what a device says about itself must stay text. Exit status 77:
there is no Chromium.
"""

import argparse
import html.parser
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "samples/ota"))
from lab import KERNEL, Lab, make_image, revise, tools_of, wait_for  # noqa: E402

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--no-proxy-server",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--window-size=1280,900"]
MARKUP = "<script>document.title = 'owned'</script>"


class Page(html.parser.HTMLParser):
    """The rows of the page's table: attributes, and the text of the cells."""

    def __init__(self, text):
        super().__init__()
        self.body, self.rows, self.codes, self.title, self.open = {}, [], [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "body":
            self.body = attributes
        if tag == "tr":
            self.rows.append((attributes, []))
        if tag == "td":
            self.rows[-1][1].append("")
        if "data-code" in attributes:
            self.codes.append(int(attributes["data-code"]))
        if tag not in ("meta", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, text):
        if "title" in self.open:
            self.title += text
        if "td" in self.open:
            self.rows[-1][1][-1] += text


def browse(program, *arguments):
    with tempfile.TemporaryDirectory(prefix="browser-") as profile:
        return subprocess.run([program, *FLAGS, f"--user-data-dir={profile}", *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=100, check=True).stdout.decode()


def check(lab, program, devices):
    url = f"http://127.0.0.1:{lab.server_port}/"
    page = Page(browse(program, "--dump-dom", url))
    assert page.title == "Release 2.0", page.title
    assert (page.body["data-devices"], page.body["data-done"]) == ("3", "1"), page.body
    rows = {cells[0].split("IMEI")[1][:16]: (attributes, cells)
            for attributes, cells in page.rows if cells}
    for device, phase in devices:
        attributes, cells = rows[device.id[4:]]
        assert attributes["data-phase"] == phase == lab.status(device)["phase"], attributes
        if phase == "done":
            assert f"{KERNEL} 2.0" in cells[1] and "200 Successful" in cells[4], cells
            assert cells[3] == "100", cells
        if phase == "stopped":
            assert "401 User Cancelled" in cells[4] and MARKUP in cells[0], cells
        if phase == "unknown":
            assert cells[5] == "never", cells
    assert sorted(page.codes) == [200, 401], page.codes
    picture = lab.folder / "page.png"
    browse(program, f"--screenshot={picture}", url)
    assert picture.stat().st_size > 10_000, "the screenshot is empty"


def main():
    parser = argparse.ArgumentParser(description="Opens the status page in Chromium.")
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        print("skipped: chromium is not installed (tests/setup.sh tests installs it)")
        return SKIPPED
    with Lab(arguments.work, tools_of(arguments.bin)) as lab:
        v1 = make_image(200_000, "page")
        lab.add_image(KERNEL, "1.0", v1)
        lab.add_image(KERNEL, "2.0", revise(v1, "page"))
        lab.build(KERNEL, "2.0", "1.0")
        lab.start_nginx()
        good = lab.add_device("good", {KERNEL: "1.0"})
        unwilling = lab.add_device("unwilling", {KERNEL: "1.0"}, mode="ask", ask="echo decline",
                                   manufacturer=MARKUP)
        absent = lab.add_device("absent", {KERNEL: "1.0"})
        lab.start_server("2.0", {KERNEL: "2.0"}, user="silent", retries=0)
        for device in (good, unwilling):
            device.start()
        lab.wait_until(good, "done")
        lab.wait_until(unwilling, "stopped")
        wait_for("the state is read", lambda: lab.status(good)["state"] == "100")
        check(lab, program, [(good, "done"), (unwilling, "stopped"), (absent, "unknown")])
    print("the page shows 3 devices")
    return 0


if __name__ == "__main__":
    sys.exit(main())
