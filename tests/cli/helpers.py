#!/usr/bin/env python3
"""Helpers of the command line cases that the shell is no good at."""

import json
import random
import re
import struct
import sys


def image(name, size, seed="1"):
    """Writes bytes that compress about as firmware does, the same ones every time."""
    generator = random.Random(f"image {seed}")
    words = [generator.randbytes(4) for _ in range(500)]
    content = b"".join(generator.choices(words, k=int(size) // 4 + 1))[:int(size)]
    with open(name, "wb") as file:
        file.write(content)


def revise(source, target):
    """Writes a later version of an image: some bytes changed, some inserted."""
    generator = random.Random("revise")
    with open(source, "rb") as file:
        content = bytearray(file.read())
    for _ in range(40):
        content[generator.randrange(len(content))] ^= 0x15
    middle = len(content) // 2
    content[middle:middle] = generator.randbytes(300)
    with open(target, "wb") as file:
        file.write(content)


def elf(name, content, symbol_bytes="1024"):
    """Wraps a file as the .text of an ELF file, with a function every so many bytes."""
    with open(content, "rb") as file:
        text = file.read()
    count = len(text) // int(symbol_bytes)
    names = b"\0" + b"".join(b"function_%d\0" % i for i in range(count))
    symbols = bytes(24)
    at = 1
    for i in range(count):
        symbols += struct.pack("<IBBHQQ", at, 0x12, 0, 1, 0x10000 + i * int(symbol_bytes),
                               int(symbol_bytes))
        at = names.index(0, at) + 1
    section_names = b"\0.text\0.symtab\0.strtab\0.shstrtab\0"
    headers = bytes(64)
    body = b""
    for title, kind, address, link, part in ((b".text", 1, 0x10000, 0, text),
                                             (b".symtab", 2, 0, 3, symbols),
                                             (b".strtab", 3, 0, 0, names),
                                             (b".shstrtab", 3, 0, 0, section_names)):
        headers += struct.pack("<IIQQQQIIQQ", section_names.index(title + b"\0"), kind, 0, address,
                               64 + len(body), len(part), link, 0, 1, 0)
        body += part
    header = b"\x7fELF\2\1\1" + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 3, 183, 1, 0, 0, 64 + len(body), 0, 64, 0, 0, 64, 5, 4)
    with open(name, "wb") as file:
        file.write(header + body + headers)


def flip(name, offset):
    """Inverts one byte; a negative offset counts from the end."""
    with open(name, "r+b") as file:
        file.seek(int(offset), 2 if int(offset) < 0 else 0)
        at = file.tell()
        value = file.read(1)[0]
        file.seek(at)
        file.write(bytes([value ^ 0xFF]))


def json_(expression):
    """Prints a Python expression over `o`, the object on standard input."""
    print(eval(expression, {"o": json.load(sys.stdin)}))  # The cases are ours.


def exact():
    """Says whether the sums of `pkgtool explain-size --format json` on standard input are exact."""
    report = json.load(sys.stdin)
    regions = report["regions"]
    purposes = ("literals_bytes", "changes_bytes", "control_bytes")
    sums = [
        (report["payload_bytes"], sum(report["streams"].values())),
        (report["payload_bytes"], report["structure_bytes"] + sum(report[p] for p in purposes)),
        (report["payload_bytes"],
         report["structure_bytes"] + sum(r["payload_bytes"] for r in regions)),
        (report["target_bytes"], sum(r["target_bytes"] for r in regions)),
        (report["new_bytes"], sum(r["new_bytes"] for r in regions)),
        (report["changed_bytes"], sum(r["changed_bytes"] for r in regions)),
    ]
    for region in regions:
        sums.append((region["payload_bytes"], sum(region["streams"].values())))
        sums.append((region["payload_bytes"], sum(region[p] for p in purposes)))
        if "symbols" in region:
            for key in ("payload_bytes", "target_bytes", "new_bytes", "changed_bytes"):
                sums.append((region[key], sum(s[key] for s in region["symbols"])))
    wrong = [f"{whole} is not {parts}" for whole, parts in sums if whole != parts]
    print("\n".join(wrong) if wrong else "exact")


# What `pkgtool info` shows in a line, and the keys of its JSON, with a dot for a table.
FACTS = {
    "Package": ["package_id", "kind"],
    "Layout, codec": ["layout", "codec"],
    "Source": ["source.version", "source.bytes", "source.digest"],
    "Target": ["target.version", "target.bytes", "target.digest"],
    "File": ["file_bytes"],
    "payload": ["payload_bytes", "chunks"],
    "address map": ["map_bytes", "map_steps"],
    "plan": ["plan.bytes", "plan.steps"],
    "metadata": ["metadata_bytes"],
    "Device RAM": ["ram_bytes"],
    "Scratch": ["scratch_bytes"],
    "Journal": ["journal_bytes"],
    "Rewritten": ["plan.rewritten_bytes", "plan.steps", "plan.chunk_steps_max"],
    "Lent to scratch": ["plan.holes"],
    "Kept at once": ["plan.kept_max", "plan.fragments_max"],
    "In reserve": ["plan.reserve_blocks"],
    "Program unit": ["plan.program_unit_bytes"],
    "Wear": ["plan.block_erase_count"],
    "Flash writes": ["flash_write_bytes", "erase_count", "erase_block_bytes"],
    "Redo after a cut": ["redo_bytes"],
    "Device": ["device.vendor", "device.model", "device.hardware_min", "device.hardware_max"],
    "Security counter": ["security_counter"],
    "Device counter": ["device_counter"],
    "Release number": ["release_number"],
    "Downgrade": ["may_downgrade"],
    "Role": ["role"],
    "Manifest digest": ["manifest_digest"],
    "Signed by": ["key_ids"],
    "Made by": ["encoder"],
}
# Of use to programs only: `schema` and `status` say how to read the object, the others are details
# of the encoding that the RAM follows from.
JSON_ONLY = {"schema", "status", "chunk_stored_bytes_max", "chunk_decoded_bytes_max", "group_bytes"}
# docs/pkgtool.md promises these.
PROMISED = {"package_id", "layout", "source", "target", "file_bytes", "payload_bytes",
            "metadata_bytes", "ram_bytes", "scratch_bytes", "flash_write_bytes", "chunks", "codec",
            "key_ids"}


def leaves(value, name=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{name}.{key}" if name else key)
    elif value is not None:
        yield name, value


def same_facts(text_name, json_name):
    """Fails unless both reports of `pkgtool info` say the same."""
    with open(json_name, encoding="utf-8") as file:
        report = json.load(file)
    with open(text_name, encoding="utf-8") as file:
        lines = file.read().splitlines()
    problems = [f"JSON lacks {key}" for key in sorted(PROMISED - report.keys())]
    facts = dict(leaves(report))
    wanted = {key for keys in FACTS.values() for key in keys}
    problems += [f"nothing is known about {key}" for key in facts if key not in wanted | JSON_ONLY]
    told = set()
    for line in lines:
        name, value = re.fullmatch(r" *(.*?)(?:  +(.*))", line).groups()
        if name not in FACTS:
            problems.append(f"nothing is known about the line '{name}'")
            continue
        told.add(name)
        words = re.findall(r"[^\s()]+", value.replace(",", ""))
        for key in FACTS[name]:
            value_of_key = facts.get(key)
            expected = value_of_key if isinstance(value_of_key, list) else [value_of_key]
            if value_of_key is True:
                expected = ["allowed"]
            if name == "Signed by":  # One line for each.
                expected = [x for x in expected if x in words] or ["nobody"]
            for x in expected:
                if x is not None and not all(w in words for w in str(x).replace(",", "").split()):
                    problems.append(f"line '{name}' does not say {key} = {x}")
    for name, keys in FACTS.items():
        missing = [key for key in keys if facts.get(key) not in (None, [], 0, "release")]
        if name not in told and missing:
            problems.append(f"no line '{name}' for {', '.join(missing)}")
    signers = [line.split()[2] for line in lines if line.startswith("Signed by")]
    if [x for x in signers if x != "nobody"] != report["key_ids"]:
        problems.append(f"signers {signers} are not {report['key_ids']}")
    print("\n".join(problems) if problems else "the same facts")
    return 1 if problems else 0


if __name__ == "__main__":
    function = json_ if sys.argv[1] == "json" else globals()[sys.argv[1]]
    sys.exit(function(*sys.argv[2:]))
