#!/usr/bin/env python3
"""Kills the installer at random instants and sees to it that the device is never worse for it.

    kill_test.py --pkgtool PATH --installer PATH [--layout ab|in-place] [--count N] [--pair DIR]
                 [--seed N] [--loop-device]

Each trial installs a delta on a fresh device whose slot B is full of noise. The process is sent
SIGKILL after a delay chosen uniformly from the time that an undisturbed installation takes; then
`resume` or `install` is run, which may be killed again. At every stop

  - slot A, the running image, has the bytes that it had,
  - the inventory names the old version in slot A or the new one in slot B, nothing else, and the
    new one only when slot B holds it whole,
  - `status` and `inventory` answer.

At the end the installation is done: exit status 0, FUMO 200, slot B and the inventory right, nothing
pending. Only a kill that ended a running process counts; trials go on until there were --count. A
killed process leaves what it had written in the page cache: lost and torn writes are the business
of the power-cut tests, which drive the engine on simulated flash.

--layout in-place does the same to a device with one slot: there `resume` alone can go on once a group
is written, the slot holds the source until then and the target when the inventory says so. Kills are
counted by where they hit: before the first step, in the steps, after the last one.

--loop-device puts the storage on loop devices, with their own caches; skipped where there are none.

--signal term asks the process to stop instead, which it does at the next group: FUMO 401, and pending.
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

PACKAGE_ID = "com.example.app"
ERASE_BLOCK_BYTES = 4096
FIRST_ATTEMPTS = 4  # Undisturbed installations that are timed.
KILL_AGAIN = 0.4  # The chance that the attempt to finish is killed, too.

SCRATCH_BYTES = 16 * ERASE_BLOCK_BYTES
SKIPPED = 77

ROM_TOML = """\
[device]
vendor = "example"
model = "x1"
hardware = 1
ram_budget_bytes = {ram_bytes}

[[region]]
package_id = "{package_id}"
slot_a = {{ path = "slot_a.img", size_bytes = {slot_bytes} }}
{slot_b}
erase_block_bytes = {erase_block_bytes}

[journal]
path = "journal.img"
size_bytes = 65536

[inventory]
path = "inventory.img"
size_bytes = 16384
"""
SLOT_B = 'slot_b = {{ path = "slot_b.img", size_bytes = {slot_bytes} }}'
SCRATCH = """
[scratch]
path = "scratch.img"
size_bytes = {scratch_bytes}
"""


class Unavailable(Exception):
    """This machine cannot run the test."""


class Failure(Exception):
    """The device, or what the installer says about it, is not as it must be."""


def digest(path, size=None):
    result = hashlib.blake2b()
    with open(path, "rb") as file:
        left = size if size is not None else os.fstat(file.fileno()).st_size
        while left > 0:
            piece = file.read(min(left, 1 << 20))
            if not piece:
                break
            result.update(piece)
            left -= len(piece)
    return result.hexdigest()


def make_pair(folder, size, seed):
    """Two images as firmware has them: code that repeats itself, moved and changed a little."""
    generator = random.Random(f"pair {seed}")
    words = [generator.randbytes(4) for _ in range(4000)]
    functions = [b"".join(generator.choices(words, k=generator.randrange(20, 200)))
                 for _ in range(2000)]
    old = bytearray()
    while len(old) < size:
        old += generator.choice(functions) + generator.randbytes(8)
    new = bytearray(old)
    for _ in range(size // 400):  # Operands.
        new[generator.randrange(len(new))] = generator.randrange(256)
    for _ in range(size // 40000):  # New code.
        at = generator.randrange(len(new))
        new[at:at] = generator.randbytes(generator.randrange(100, 3000))
    (folder / "old").write_bytes(old)
    (folder / "new").write_bytes(new)


class Files:
    """Storage that stays what it is."""

    def attach(self, folder, sizes):
        pass

    def detach(self):
        pass


class LoopDevices:
    """Puts each file on a loop device, which takes its name."""

    def __init__(self):
        self.devices = []

    def attach(self, folder, sizes):
        for name in sizes:
            backing = folder / f"{name}.backing"
            (folder / name).rename(backing)
            made = subprocess.run(["losetup", "--find", "--show", backing], capture_output=True,
                                  text=True, check=False)
            if made.returncode != 0:
                raise Unavailable(made.stderr.strip())
            self.devices.append(made.stdout.strip())
            (folder / name).symlink_to(self.devices[-1])

    def detach(self):
        for device in self.devices:
            subprocess.run(["losetup", "--detach", device], check=False)


class Bench:
    """A device in a folder, the package for it, and the tools."""

    def __init__(self, arguments, folder):
        self.pkgtool = arguments.pkgtool.resolve()
        self.installer = arguments.installer.resolve()
        self.folder = folder
        self.in_place = arguments.layout == "in-place"
        pair = arguments.pair
        if pair is None:
            pair = folder
            make_pair(folder, arguments.bytes, arguments.seed)
        self.old, self.new = pair / "old", pair / "new"
        self.new_bytes = self.new.stat().st_size
        self.new_digest = digest(self.new)
        self.build(arguments.ram)
        self.storage = LoopDevices() if arguments.loop_device else Files()

    def build(self, ram):
        key = self.folder / "release"
        self.package = self.folder / "update.pku"
        run = [str(self.pkgtool), "--quiet"]
        subprocess.run(run + ["keygen", "-o", key, "--no-password"], check=True,
                       stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        subprocess.run(run + ["build", "--package-id", PACKAGE_ID, "--source", self.old,
                              "--source-version", "old", "--target", self.new, "--target-version",
                              "new", "--ram", ram, "--erase-block", str(ERASE_BLOCK_BYTES),
                              "--layout", "in-place" if self.in_place else "ab",
                              "--scratch", str(SCRATCH_BYTES), "--key", f"{key}.key", "-o",
                              self.package],
                       check=True, stdin=subprocess.DEVNULL)
        info = subprocess.run(run + ["info", self.package, "--format", "json"], check=True,
                              capture_output=True)
        self.info = json.loads(info.stdout)
        self.trust = f"{key}.pub"

    def names(self):
        slots = ["slot_a.img", "scratch.img"] if self.in_place else ["slot_b.img"]
        return slots + ["inventory.img", "journal.img"]

    def prepare(self):
        """Makes the factory's state, which reset() brings back."""
        largest = max(self.old.stat().st_size, self.new_bytes)
        slot_bytes = -(-largest // ERASE_BLOCK_BYTES) * ERASE_BLOCK_BYTES
        sizes = {"slot_a.img": slot_bytes, "slot_b.img": slot_bytes, "scratch.img": SCRATCH_BYTES,
                 "journal.img": 65536, "inventory.img": 16384}
        for name, size in sizes.items():
            (self.folder / name).write_bytes(bytes(size))
        self.storage.attach(self.folder, sizes)
        with open(self.folder / "slot_a.img", "r+b") as slot:
            slot.write(self.old.read_bytes())
        self.slot_a_digest = digest(self.folder / "slot_a.img", slot_bytes)
        self.slot_bytes = slot_bytes
        noise = random.Random(0)
        for name in ("slot_b.img", "scratch.img"):
            (self.folder / f"factory-{name}").write_bytes(noise.randbytes(sizes[name]))
        text = ROM_TOML.format(
            ram_bytes=self.info["ram_bytes"], package_id=PACKAGE_ID, slot_bytes=slot_bytes,
            slot_b="" if self.in_place else SLOT_B.format(slot_bytes=slot_bytes),
            erase_block_bytes=ERASE_BLOCK_BYTES)
        if self.in_place:
            text += SCRATCH.format(scratch_bytes=SCRATCH_BYTES)
        (self.folder / "ROM.toml").write_text(text)
        done = self.run("provision", PACKAGE_ID, "old")
        if done.returncode != 0:
            raise Failure(f"provision: {done.stderr.decode()}")
        for name in ("slot_a.img", "inventory.img", "journal.img"):
            shutil.copyfile(self.folder / name, self.folder / f"factory-{name}")

    def reset(self):
        for name in self.names():
            content = (self.folder / f"factory-{name}").read_bytes()
            with open(self.folder / name, "r+b") as file:
                file.write(content)
        (self.folder / "ROM.toml.pending").unlink(missing_ok=True)

    def command(self, *verb):
        return [str(self.installer), "--rom", "ROM.toml", "--trust", str(self.trust), "--format",
                "json", *map(str, verb)]

    def run(self, *verb):
        return subprocess.run(self.command(*verb), cwd=self.folder, stdin=subprocess.DEVNULL,
                              capture_output=True, check=False)

    def start(self, *verb):
        return subprocess.Popen(self.command(*verb), cwd=self.folder, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ask(self, *verb):
        done = self.run(*verb)
        if done.returncode != 0:
            raise Failure(f"{verb[0]} exits with {done.returncode}: {done.stderr.decode()}")
        return json.loads(done.stdout)

    def look(self):
        """Checks what must hold at every instant. Returns "old" or "new", and what `status` says."""
        status = self.ask("status")
        if self.holds_source() != self.must_hold_source(status):
            raise Failure(f"slot A holds the wrong bytes for {status}")
        packages = self.ask("inventory")["packages"]
        if len(packages) != 1 or packages[0]["package_id"] != PACKAGE_ID:
            raise Failure(f"the inventory lists {packages}")
        record = packages[0]
        active = (record["version"], record["active_slot"], record["state"])
        new_slot = "A" if self.in_place else "B"
        if active not in (("old", "A", "factory"), ("new", new_slot, "installed")):
            raise Failure(f"the inventory says {active}")
        if record["version"] == "new":
            self.check_target(record)
        return record["version"], status

    def holds_source(self):
        return digest(self.folder / "slot_a.img", self.slot_bytes) == self.slot_a_digest

    def must_hold_source(self, status):
        if not self.in_place:
            return True
        if status["pending"]:
            # The group that the journal names first need not be written yet, nor any hole.
            is_open = status["phase"] == "intent" or status["step"] == 0
            return status["runnable"] or (is_open and self.holds_source())
        return self.ask("inventory")["packages"][0]["version"] == "old"

    def check_target(self, record):
        slot = "slot_a.img" if self.in_place else "slot_b.img"
        if digest(self.folder / slot, self.new_bytes) != self.new_digest:
            raise Failure("the inventory names a slot that does not hold the target")
        expected = (self.new_bytes, self.info["target"]["digest"], self.info["manifest_digest"])
        if (record["image_bytes"], record["image_digest"], record["manifest_digest"]) != expected:
            raise Failure(f"the inventory describes another image: {record}")


class Campaign:
    def __init__(self, bench, arguments):
        self.bench = bench
        self.count = arguments.count
        self.random = random.Random(arguments.seed)
        self.signal = signal.SIGKILL if arguments.signal == "kill" else signal.SIGTERM
        self.planned = self.hits = self.resumed = self.restarted = self.already = 0
        self.trials = self.failures = 0
        self.where = {"before": 0, "in": 0, "after": 0}  # In place: kills by what status says.

    def measure(self):
        times = []
        for _ in range(FIRST_ATTEMPTS):
            self.bench.reset()
            began = time.monotonic()
            self.bench.ask("install", self.bench.package)
            times.append(time.monotonic() - began)
        self.duration_s = statistics.median(times)

    def attempt(self, verb, stop):
        """Runs `verb`, and stops it at a random instant when told to. Returns what it reported, or
        None when it was stopped."""
        process = self.bench.start(*verb)
        if stop:
            self.planned += 1
            time.sleep(self.random.uniform(0, self.duration_s))
            process.send_signal(self.signal)  # No effect on a process that has ended.
        out, err = process.communicate()
        if stop and self.was_stopped(process.returncode, out):
            self.hits += 1
            return None
        if process.returncode != 0:
            raise Failure(f"{verb[0]} exits with {process.returncode}: {out.decode()}{err.decode()}")
        report = json.loads(out)
        if report["fumo_code"] != 200:
            raise Failure(f"{verb[0]} reports {report}")
        return report

    def was_stopped(self, status, out):
        if status == -self.signal:
            return True
        if self.signal == signal.SIGKILL or status != 1:
            return False
        report = json.loads(out)
        if (report["status"], report["fumo_code"]) != ("cancelled", 401):
            raise Failure(f"SIGTERM leads to {report}")
        return True

    def trial(self):
        self.bench.reset()
        verb = ("install", self.bench.package)
        stop = True
        stopped = False
        while True:
            report = self.attempt(verb, stop)
            active, status = self.bench.look()
            pending = status["pending"]
            if report is None:
                self.count_where(active, status)
            if report is not None and active == "new" and not pending:
                break
            stopped = stopped or report is None
            # Whether there is something to resume or not, `resume` must be right; when there is
            # nothing, `install` begins again.
            nothing_to_resume = report is not None
            again = nothing_to_resume or self.random.random() < 0.5
            verb = ("install", self.bench.package) if again else ("resume",)
            stop = self.random.random() < KILL_AGAIN
        if stopped:
            self.tell_how(report)
        if self.bench.ask("resume").get("pending", True):
            raise Failure("something is pending after the end")

    def count_where(self, active, status):
        if not status["pending"]:
            self.where["after" if active == "new" else "before"] += 1
        elif status["runnable"]:
            self.where["before"] += 1
        else:
            done = status.get("phase") == "fill" or (
                status.get("phase") == "chunk" and status["chunk"] == status.get("chunks"))
            self.where["after" if done else "in"] += 1

    def tell_how(self, report):
        if report.get("resumed_at_chunk", 0) > 0:
            self.resumed += 1
        elif report.get("already_installed", True):
            self.already += 1
        else:
            self.restarted += 1

    def run(self):
        self.measure()
        most = 20 * self.count + 100
        while self.hits < self.count and self.planned < most and self.failures < 5:
            self.trials += 1
            try:
                self.trial()
            except Failure as failure:
                self.failures += 1
                print(f"trial {self.trials}: {failure}", flush=True)
                self.keep()
        if self.hits < self.count and self.failures == 0:
            self.failures += 1
            print(f"only {self.hits} of {self.planned} signals met a running process")

    def keep(self):
        """Saves the device of the first failure for whoever looks into it."""
        kept = pathlib.Path(tempfile.gettempdir()) / f"kill-test-failure-{os.getpid()}"
        if not kept.exists():
            shutil.copytree(self.bench.folder, kept)
            print(f"the device is kept in {kept}")


def main():
    parser = argparse.ArgumentParser(description="Kills the installer at random instants.")
    parser.add_argument("--pkgtool", required=True, type=pathlib.Path)
    parser.add_argument("--installer", required=True, type=pathlib.Path)
    parser.add_argument("--count", type=int, default=25, help="kills that hit (default 25)")
    parser.add_argument("--pair", type=pathlib.Path, help="a folder with images `old` and `new`")
    parser.add_argument("--bytes", type=int, default=12 << 20, help="size of made-up images")
    parser.add_argument("--ram", default="176K", help="RAM of the device (small: many chunks)")
    parser.add_argument("--signal", choices=("kill", "term"), default="kill")
    parser.add_argument("--layout", choices=("ab", "in-place"), default="ab")
    parser.add_argument("--loop-device", action="store_true", help="storage on loop devices")
    parser.add_argument("--seed", type=int,
                        default=int(os.environ.get("ROMDELTA_TEST_SEED", time.time_ns() % 10**9)))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed} (--seed {arguments.seed} chooses the same delays)", flush=True)
    with tempfile.TemporaryDirectory(prefix="kill-test-") as folder:
        bench = Bench(arguments, pathlib.Path(folder))
        try:
            bench.prepare()
            campaign = Campaign(bench, arguments)
            campaign.run()
        except Unavailable as reason:
            print(f"skipped: {reason}")
            return SKIPPED
        finally:
            bench.storage.detach()
        name = arguments.pair.name if arguments.pair else f"made-up, {arguments.bytes} bytes"
        print(f"pair {name}: delta of {bench.info['file_bytes']} bytes in {bench.info['chunks']} "
              f"chunks, undisturbed {campaign.duration_s * 1000:.0f} ms")
        print(f"{campaign.trials} trials, {campaign.planned} kills planned, {campaign.hits} hit a "
              f"running process; resumed at chunk > 0: {campaign.resumed}, restarted: "
              f"{campaign.restarted}, committed already: {campaign.already}; failures "
              f"{campaign.failures}")
        if bench.in_place:
            print(f"{bench.info['plan']['steps']} steps, {bench.info['plan']['holes']} holes; kills "
                  f"before the first: {campaign.where['before']}, in the steps: "
                  f"{campaign.where['in']}, after the last: {campaign.where['after']}")
    return 1 if campaign.failures else 0


if __name__ == "__main__":
    sys.exit(main())
