#!/usr/bin/env python3
"""Builds packages in many surroundings and compares them byte by byte.

Usage: build_test.py PKGTOOL KEY.pub

The directory, the paths and names of all files, their times, locale, time zone, umask, environment
and number of threads change; the packages must not. KEY.pub is the public half of the test key that
is made from 32 bytes of 01 (tests/support/test_key.h).
"""

import base64
import hashlib
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile

KIB = 1024


def secret_key_text(public_file):
    """The unprotected key file of the test key, in minisign's form."""
    public = base64.b64decode(public_file.read_text().splitlines()[1])
    key_id, public_key = public[2:10], public[10:]
    secret = bytes([1]) * 32 + public_key
    checksum = hashlib.blake2b(b"Ed" + key_id + secret, digest_size=32).digest()
    content = b"Ed" + bytes(2) + b"B2" + bytes(48) + key_id + secret + checksum
    return "untrusted comment: test key\n" + base64.b64encode(content).decode() + "\n"


def make_images():
    """Two releases of 300 KiB: code whose references moved, and data that did not."""
    numbers = random.Random(7)
    words = [numbers.choice((0xE5900000, 0xE3A01000, 0xEB000000)) | numbers.randrange(4096)
             for _ in range(60 * KIB)]
    source = struct.pack(f"<{len(words)}I", *words) + numbers.randbytes(60 * KIB)
    changed = [word + 12 if word >> 24 == 0xEB else word for word in words]
    changed[20 * KIB:20 * KIB] = [0xE1A00000 | n for n in range(300)]
    target = struct.pack(f"<{len(changed)}I", *changed) + source[-60 * KIB:]
    return source, target


class Surroundings:
    """Everything about one build that must not reach the package."""

    def __init__(self, name, folder="plain", environment=None, umask=0o022, threads=1,
                 relative=False, age=0):
        self.name = name
        self.folder = folder
        self.environment = environment or {}
        self.umask = umask
        self.threads = threads
        self.relative = relative
        self.age = age


SURROUNDINGS = [
    Surroundings("plain"),
    Surroundings("the very same again"),
    Surroundings("two threads", threads=2),
    Surroundings("five threads", threads=5),
    Surroundings("another directory", folder="a/much/deeper/one"),
    Surroundings("a name with spaces and umlauts", folder="mit Leerzeichen und \u00e4\u00f6\u00fc"),
    Surroundings("relative paths", relative=True, threads=2),
    Surroundings("locale C.UTF-8", environment={"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}),
    Surroundings("locales that may not exist",
                 environment={"LANG": "tr_TR.UTF-8", "LC_ALL": "de_DE.UTF-8"}),
    Surroundings("a time zone", environment={"TZ": "Asia/Kathmandu"}),
    Surroundings("another day", age=400 * 24 * 3600, environment={"SOURCE_DATE_EPOCH": "1"}),
    Surroundings("open umask", umask=0o000),
    Surroundings("closed umask", umask=0o077),
    Surroundings("another user's environment",
                 environment={"HOME": "/nonexistent", "USER": "nobody", "COLUMNS": "40",
                              "TERM": "dumb", "NO_COLOR": "1", "OMP_NUM_THREADS": "3"}),
    Surroundings("everything at once", folder="x y/z", threads=3, relative=True, umask=0o027,
                 age=1, environment={"LC_ALL": "C", "TZ": "America/St_Johns"}),
]

# What is built each time: name, options, whether a source is given.
BUILDS = [
    ("delta", ["--ram", "262144"], True),
    ("full", ["--ram", "262144"], False),
    ("small", ["--ram", "170000", "--erase-block", "512", "--security-counter", "3"], True),
    ("wide", ["--vendor", "example", "--model", "x1", "--hardware", "2-5"], True),
]


def build_all(pkgtool, key_text, images, surroundings, top):
    """The packages of all BUILDS by name."""
    folder = top / surroundings.folder
    folder.mkdir(parents=True, exist_ok=True)
    files = {"source.img": images[0], "target.img": images[1], "test.key": key_text.encode()}
    for name, content in files.items():
        path = folder / name
        path.write_bytes(content)
        stamp = path.stat().st_mtime - surroundings.age
        os.utime(path, (stamp, stamp))
    prefix = "" if surroundings.relative else f"{folder}{os.sep}"
    environment = {"PATH": os.environ.get("PATH", ""), **surroundings.environment}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
        if name in os.environ:
            environment[name] = os.environ[name]
    packages = {}
    for name, options, has_source in BUILDS:
        command = [str(pkgtool), "--quiet", "build", "--package-id", "com.example.app",
                   "--target", f"{prefix}target.img", "--target-version", "2.0",
                   "--threads", str(surroundings.threads), "--key", f"{prefix}test.key",
                   "-o", f"{prefix}{name} out.pku", *options]
        if has_source:
            command += ["--source", f"{prefix}source.img", "--source-version", "1.0"]
        result = subprocess.run(command, cwd=folder, env=environment, umask=surroundings.umask,
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True, check=False)
        if result.returncode != 0:
            sys.exit(f"{surroundings.name}: {name}: exit {result.returncode}\n{result.stderr}")
        packages[name] = (folder / f"{name} out.pku").read_bytes()
    shutil.rmtree(top)
    return packages


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    pkgtool = pathlib.Path(sys.argv[1]).resolve()
    key_text = secret_key_text(pathlib.Path(sys.argv[2]))
    images = make_images()
    expected = None
    failures = []
    for number, surroundings in enumerate(SURROUNDINGS):
        with tempfile.TemporaryDirectory() as scratch:
            top = pathlib.Path(scratch) / str(number)
            packages = build_all(pkgtool, key_text, images, surroundings, top)
        if expected is None:
            expected = packages
            for name, package in packages.items():
                print(f"{hashlib.sha256(package).hexdigest()}  {len(package):7}  {name}")
        for name, package in packages.items():
            if package != expected[name]:
                failures.append(f"{surroundings.name}: {name} differs")
    if len({bytes(package) for package in expected.values()}) != len(BUILDS):
        failures.append("two of the packages are the same: the test compares nothing")
    print(f"{len(SURROUNDINGS)} surroundings, {len(BUILDS)} packages each, "
          f"{len(failures)} differences")
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
