#!/usr/bin/env python3
"""Cuts an update in place after every write that the installer makes, and finishes it.

    replay_test.py --pkgtool PATH --installer PATH --recorder PATH [--bytes N] [--scratch N]
                   [--stride N] [--seed N]

A preloaded library writes down what one undisturbed installation writes to its storage, and its
syncs. The storage is then put together as it may be when power fails after each of these writes:

    whole     everything up to there
    torn      of the last write only a random part, in whole program units
    unsynced  of what was not synced only what a coin says, and the last one torn
    last      of what was not synced only the last write

and `resume` (or `install`, where nothing had begun) has to end with the target. --stride N takes
every Nth place only, but all around the first steps and at the end.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

PACKAGE_ID = "com.example.app"
UNIT_BYTES = 256
BLOCK_BYTES = 1024
NAMES = ("slot_a.img", "journal.img", "scratch.img", "inventory.img")
ENTRY = struct.Struct("<4Q")
WRITE, SYNC = 1, 2

ROM_TOML = """\
[device]
vendor = "example"
model = "x1"
hardware = 1
ram_budget_bytes = 1048576

[[region]]
package_id = "{package_id}"
slot_a = {{ path = "slot_a.img", size_bytes = {slot_bytes} }}
erase_block_bytes = {block_bytes}
program_unit_bytes = {unit_bytes}

[journal]
path = "journal.img"
size_bytes = 16384

[scratch]
path = "scratch.img"
size_bytes = {scratch_bytes}

[inventory]
path = "inventory.img"
size_bytes = 16384
"""


class Failure(Exception):
    """The device did not get to the target."""


def make_pair(size, seed, holes):
    """Code that moved up a little, with places where nothing is."""
    generator = random.Random(f"pair {seed}")
    words = [generator.randbytes(4) for _ in range(500)]
    old = bytearray(b"".join(generator.choices(words, k=size // 4)))
    new = bytearray(old)
    for _ in range(size // 500):
        new[generator.randrange(len(new))] ^= 0x15
    middle = len(new) // 2
    new[middle:middle] = generator.randbytes(300)
    if holes:
        for image in (old, new):
            for at in range(2 * BLOCK_BYTES, size - 3 * BLOCK_BYTES, 16 * BLOCK_BYTES):
                image[at:at + 2 * BLOCK_BYTES] = bytes([0xFF]) * (2 * BLOCK_BYTES)
    return bytes(old), bytes(new)


class Device:
    def __init__(self, arguments, folder):
        self.arguments = arguments
        self.folder = folder
        self.old, self.new = make_pair(arguments.bytes, arguments.seed, arguments.holes)
        (folder / "old").write_bytes(self.old)
        (folder / "new").write_bytes(self.new)
        self.tool("keygen", "-o", "release", "--no-password", "-q")
        self.tool("build", "-q", "--package-id", PACKAGE_ID, "--source", "old", "--source-version",
                  "old", "--target", "new", "--target-version", "new", "--layout", "in-place",
                  "--erase-block", BLOCK_BYTES, "--program-unit", UNIT_BYTES, "--scratch",
                  arguments.scratch, "--key", "release.key", "-o", "a.pku")
        slot_bytes = -(-max(len(self.old), len(self.new)) // BLOCK_BYTES) * BLOCK_BYTES
        (folder / "ROM.toml").write_text(ROM_TOML.format(
            package_id=PACKAGE_ID, slot_bytes=slot_bytes, block_bytes=BLOCK_BYTES,
            unit_bytes=UNIT_BYTES, scratch_bytes=arguments.scratch))
        generator = random.Random(arguments.seed)
        (folder / "slot_a.img").write_bytes(self.old.ljust(slot_bytes, b"\xff"))
        (folder / "scratch.img").write_bytes(generator.randbytes(arguments.scratch))
        for name in ("journal.img", "inventory.img"):
            (folder / name).write_bytes(b"\xff" * 16384)
        self.check("provision", PACKAGE_ID, "old")
        self.factory = {name: (folder / name).read_bytes() for name in NAMES}

    def tool(self, *words):
        subprocess.run([str(self.arguments.pkgtool.resolve()), *map(str, words)], cwd=self.folder,
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def info(self):
        done = subprocess.run([str(self.arguments.pkgtool.resolve()), "info", "a.pku", "--format",
                               "json"], cwd=self.folder, check=True, capture_output=True)
        return json.loads(done.stdout)

    def run(self, *verb, env=None):
        command = [str(self.arguments.installer.resolve()), "--rom", "ROM.toml", "--trust",
                   "release.pub", *map(str, verb)]
        return subprocess.run(command, cwd=self.folder, stdin=subprocess.DEVNULL, env=env,
                              capture_output=True, check=False, text=True)

    def check(self, *verb, env=None):
        done = self.run(*verb, env=env)
        if done.returncode != 0:
            raise Failure(f"{verb[0]} exits with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def restore(self, files):
        for name, content in files.items():
            # The same inodes every time.
            with open(self.folder / name, "r+b") as file:
                file.write(content)
        (self.folder / "ROM.toml.pending").unlink(missing_ok=True)

    def record(self):
        """What an installation writes: (kind, name, offset, bytes)."""
        log = self.folder / "log"
        env = dict(os.environ, LD_PRELOAD=str(self.arguments.recorder.resolve()),
                   RECORD_WRITES=str(log))
        self.check("install", "a.pku", env=env)
        inodes = {(self.folder / name).stat().st_ino: name for name in NAMES}
        content = log.read_bytes()
        entries = []
        at = 0
        while at < len(content):
            kind, inode, offset, size = ENTRY.unpack_from(content, at)
            at += ENTRY.size
            if inode in inodes:
                entries.append((kind, inodes[inode], offset, content[at:at + size]))
            at += size
        self.expect_target("the undisturbed installation")
        return entries

    def expect_target(self, where):
        with open(self.folder / "slot_a.img", "rb") as slot:
            if slot.read(len(self.new)) != self.new:
                raise Failure(f"{where}: the slot does not hold the target")

    def finish(self, files, where):
        self.restore(files)
        done = self.check("resume", "a.pku")
        if done.startswith("nothing to resume"):
            self.check("install", "a.pku")
        self.expect_target(where)


class Replay:
    def __init__(self, device, entries, seed):
        self.device = device
        self.entries = entries
        self.random = random.Random(seed)
        self.counts = {"whole": 0, "torn": 0, "unsynced": 0, "last": 0}

    def torn(self, content):
        units = len(content) // UNIT_BYTES
        return content[:self.random.randrange(units + 1) * UNIT_BYTES]

    def write(self, files, name, offset, content):
        files[name][offset:offset + len(content)] = content

    def state(self, count, how):
        """The storage after `count` entries."""
        files = {name: bytearray(content) for name, content in self.device.factory.items()}
        waiting = {name: [] for name in NAMES}
        for kind, name, offset, content in self.entries[:count]:
            if kind == SYNC:
                for entry in waiting[name]:
                    self.write(files, name, *entry)
                waiting[name] = []
            else:
                waiting[name].append((offset, content))
        last = self.entries[count - 1] if count != 0 else None
        for name, entries in waiting.items():
            for i, (offset, content) in enumerate(entries):
                is_last = last[0] == WRITE and last[1] == name and i + 1 == len(entries)
                is_lost = how == "last" or (how == "unsynced" and self.random.random() < 0.5)
                if is_lost and not is_last:
                    continue
                if how in ("torn", "unsynced") and is_last:
                    content = self.torn(content)
                self.write(files, name, offset, content)
        return files

    def run(self, places):
        for count in places:
            for how in self.counts:
                # Without a write that is under way there is nothing to lose.
                if how != "whole" and (count == 0 or self.entries[count - 1][0] == SYNC):
                    continue
                where = f"entry {count} of {len(self.entries)}, {how}"
                try:
                    self.device.finish(self.state(count, how), where)
                except Failure as failure:
                    raise Failure(f"{where}: {failure}") from failure
                self.counts[how] += 1


def main():
    parser = argparse.ArgumentParser(description="Cuts an update in place after every write.")
    parser.add_argument("--pkgtool", required=True, type=pathlib.Path)
    parser.add_argument("--installer", required=True, type=pathlib.Path)
    parser.add_argument("--recorder", required=True, type=pathlib.Path)
    parser.add_argument("--bytes", type=int, default=40 * 1024)
    parser.add_argument("--scratch", type=int, default=8 * BLOCK_BYTES)
    parser.add_argument("--holes", action="store_true", help="the images have places to lend")
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--seed", type=int,
                        default=int(os.environ.get("ROMDELTA_TEST_SEED", time.time_ns() % 10**9)))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="replay-test-") as folder:
        device = Device(arguments, pathlib.Path(folder))
        entries = device.record()
        replay = Replay(device, entries, arguments.seed)
        ends = 60
        places = [i for i in range(len(entries) + 1) if i < ends or i + ends > len(entries) or
                  i % arguments.stride == 0]
        try:
            replay.run(places)
        except Failure as failure:
            print(failure)
            kept = pathlib.Path(tempfile.gettempdir()) / f"replay-test-failure-{os.getpid()}"
            shutil.copytree(device.folder, kept)
            print(f"the device is kept in {kept}")
            return 1
        writes = sum(1 for entry in entries if entry[0] == WRITE)
        plan = device.info()["plan"]
        print(f"{plan['steps']} steps, {plan['holes']} holes; {writes} writes and {len(entries) - writes} syncs; finished after "
              + ", ".join(f"{count} {how}" for how, count in replay.counts.items()) + " states")
    return 0


if __name__ == "__main__":
    sys.exit(main())
