#!/usr/bin/env python3
"""The whole over-the-air loop on one machine: see README.md. demo.sh builds what it needs.

Two devices with different ROM versions come to release 2.0. One gets deltas and loses power while it
installs; the other gets full packages, and a download is cut twice. Where pkgtool makes super
packages each device gets one, else a package for each part of its ROM.
"""

import argparse
import pathlib
import sys

from lab import KERNEL, ROOTFS, Lab, make_image, revise, tools_of, wait_for

BUFFER_BYTES = 64 << 10    # What sockets hold when a transfer is cut.


class Transcript:
    """Prints, and keeps."""

    def __init__(self, path):
        self.file = open(path, "w")

    def __call__(self, text=""):
        print(text, flush=True)
        print(text, file=self.file, flush=True)


def make_release(lab, kernel_bytes):
    say = lab.say
    say("== Two releases of a kernel and a root file system, and the packages between them")
    for package_id, size in ((KERNEL, kernel_bytes), (ROOTFS, kernel_bytes // 3)):
        v1 = make_image(size, package_id)
        lab.add_image(package_id, "1.0", v1)
        lab.add_image(package_id, "2.0", revise(v1, package_id))
        # A device that never had 1.0: no delta leads from there.
        lab.add_image(package_id, "0.9", revise(make_image(size, package_id + "0.9"), "0.9"))
    packages = {}
    for kind, source in (("delta", "1.0"), ("full", None)):
        members = [lab.build(package_id, "2.0", source) for package_id in (KERNEL, ROOTFS)]
        packages[kind] = lab.build_super(f"release-2.0-{kind}.pks", members)
    for path in sorted(lab.catalog.iterdir()):
        say(f"   {path.name:42} {path.stat().st_size:>9} bytes")
    return packages


def show_requests(lab, name):
    for asked, status, count in lab.requests(name):
        lab.say(f"   GET {name} {asked}: {status}, {count} bytes")


def check_device(lab, device):
    """The slots that boot hold the release, to the byte, and the inventory says so."""
    inventory = device.inventory()
    for package_id in (KERNEL, ROOTFS):
        target = lab.images[package_id]["2.0"]
        assert inventory[package_id]["version"] == "2.0", inventory
        assert device.image(package_id, len(target)) == target, package_id
        lab.say(f"   {device.name}: {package_id} {inventory[package_id]['version']} in slot "
                f"{inventory[package_id]['active_slot']}, identical with the release")


def run(lab, kernel_bytes):
    say = lab.say
    packages = make_release(lab, kernel_bytes)
    say("== nginx, the DM server, two devices")
    # Slow enough that there is time to cut a download.
    lab.start_nginx(str(kernel_bytes // 12))
    versions = {KERNEL: "1.0", ROOTFS: "1.0"}
    alice = lab.add_device("alice", versions)
    bob = lab.add_device("bob", {KERNEL: "0.9", ROOTFS: "0.9"}, auth="basic")
    bob.start()
    lab.start_server("2.0", {KERNEL: "2.0", ROOTFS: "2.0"}, user="silent")
    say(f"   status page: http://127.0.0.1:{lab.server_port}/")

    say("== bob: the full package; power fails during the download, then the network")
    first = packages["full"]
    size = (lab.catalog / first).stat().st_size
    wait_for("a third is there", lambda: bob.part_bytes() > size // 3, 180)
    bob.kill()
    kept = bob.part_bytes()
    say(f"   power off with {kept} of {size} bytes")
    lab.network.cut_after = size // 3
    bob.start()
    wait_for("the network fails", lambda: lab.network.cuts == 1, 180)
    say("   the connection broke; the download agent goes on by itself")

    say("== alice: the delta; power fails while it is installed")
    alice.start()
    status = alice.kill_while_installing(KERNEL)
    say(f"   power off; the installer's journal says: {status}")
    alice.start()

    for device in (alice, bob):
        status = lab.wait_until(device, "done", 240)
        say(f"== {device.name}: {status['phase']}, {status['note']}")
        for result in status["results"]:
            say(f"   final alert of {result['package']}: {result['code']} {result['name']}")
        assert all(result["code"] == 200 for result in status["results"]), status
        check_device(lab, device)
    for device, kind in ((alice, "delta"), (bob, "full")):
        sent = [result["package"] for result in lab.status(device)["results"]]
        assert sent == [packages[kind]], (sent, packages)

    say("== What nginx saw")
    for name in packages.values():
        show_requests(lab, name)
    requests = lab.requests(first)
    received = sum(count for _, status, count in requests if status == 206)
    limit = size + 2 * BUFFER_BYTES
    say(f"   {received} bytes in all for a package of {size}, cut twice; the limit is {limit}")
    assert size <= received <= limit, (size, received)
    assert len(requests) == 3 and requests[1][0].startswith(f"bytes={kept}-"), requests
    messages = sum(1 for _ in lab.folder.glob("*/messages/*.xml"))
    say(f"== {messages} SyncML messages are in {lab.folder}/*/messages")


def main():
    parser = argparse.ArgumentParser(description="The over-the-air loop, from notification to 200.")
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="a build directory")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="emptied first")
    parser.add_argument("--wbxml", action="store_true", help="SyncML as WBXML")
    parser.add_argument("--small", action="store_true", help="small images, for tests")
    parser.add_argument("--keep", action="store_true",
                        help="leave server and devices running until Enter")
    arguments = parser.parse_args()
    with Lab(arguments.work, tools_of(arguments.bin), "wbxml" if arguments.wbxml else "xml") as lab:
        lab.say = Transcript(arguments.work / "transcript.txt")
        run(lab, 600_000 if arguments.small else 3 << 20)
        if arguments.keep:
            input(f"http://127.0.0.1:{lab.server_port}/ ... Enter ends the demonstration ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
