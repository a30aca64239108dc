#!/usr/bin/env python3
"""Writes copies of the engine's sources that hold all mutants, and each behind one number.

mutants.txt has one paragraph a mutant:

    mutant NAME
    file installer/X.cc
    kill MODE --only GEOMETRY/PACKAGE, or: kill unit --gtest_filter=TESTS
    - the original, on as many lines as it takes
    + what it becomes; nothing for a statement that is left out

The original must occur exactly once (white space counts as white space, however much), and is a
whole statement (it ends with a semicolon or a brace) or a whole expression. A mutant may lie within
the original of another, or have the same; they are never active together. Lines that begin with #
are comments.
"""
import argparse
import dataclasses
import pathlib
import re
import sys


class BadList(Exception):
    pass


@dataclasses.dataclass
class Mutant:
    name: str
    line: int
    number: int = 0
    file: str = ""
    kill: str = ""
    original: str = ""
    mutated: str = ""
    begin: int = 0
    end: int = 0

    def is_statement(self):
        return self.original.rstrip().endswith((";", "}"))


def read_mutants(path):
    mutants = []
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
        where = f"{path}:{number}"
        if not line.strip() or line.startswith("#"):
            continue
        key, _, value = line.partition(" ")
        if key == "mutant":
            mutants.append(Mutant(value, number, len(mutants) + 1))
            continue
        if not mutants:
            raise BadList(f"{where}: no mutant begins here")
        mutant = mutants[-1]
        if key in ("file", "kill"):
            setattr(mutant, key, value)
        elif key in ("-", "+"):
            part = "original" if key == "-" else "mutated"
            setattr(mutant, part, getattr(mutant, part) + value + "\n")
        else:
            raise BadList(f'{where}: a line begins with "{key}"')
    names = set()
    for mutant in mutants:
        where = f"{path}:{mutant.line}: {mutant.name}"
        if mutant.name in names:
            raise BadList(f"{where}: the second one of this name")
        names.add(mutant.name)
        if not (mutant.file and mutant.kill and mutant.original.strip()):
            raise BadList(f"{where}: has no file, no original or nothing that kills it")
        if not mutant.is_statement() and not mutant.mutated.strip():
            raise BadList(f"{where}: only a statement can be left out")
    return mutants


def find(mutant, text, path):
    pattern = r"\s+".join(re.escape(word) for word in mutant.original.split())
    found = list(re.finditer(pattern, text))
    if len(found) != 1:
        raise BadList(f"{path}:{mutant.line}: {mutant.name}: the original occurs {len(found)} times "
                      f"in {mutant.file}, not once:\n{mutant.original}")
    mutant.begin, mutant.end = found[0].span()


def switch(text, mutants):
    """One span and its mutants, the first of which is tried last."""
    for mutant in mutants:
        if mutant.is_statement():
            text = (f"if (::romdelta_mutant == {mutant.number}) {{ {mutant.mutated} }} "
                    f"else {{ {text} }}")
        else:
            text = f"(::romdelta_mutant == {mutant.number} ? ({mutant.mutated}) : ({text}))"
    return text


def render(text, begin, end, mutants, path):
    """text[begin:end] with `mutants`, which are sorted by begin, the longer ones first."""
    result = []
    at = begin
    rest = list(mutants)
    while rest:
        first = rest[0]
        same = [m for m in rest if (m.begin, m.end) == (first.begin, first.end)]
        inside = [m for m in rest if m not in same and m.begin < first.end]
        for mutant in inside:
            if mutant.end > first.end:
                raise BadList(f"{path}: {first.name} and {mutant.name} overlap")
        rest = [m for m in rest if m not in same and m not in inside]
        result.append(text[at:first.begin])
        result.append(switch(render(text, first.begin, first.end, inside, path), same))
        at = first.end
    result.append(text[at:end])
    return "".join(result)


def write_if_changed(path, text):
    if not path.exists() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, required=True, help="of the source tree")
    parser.add_argument("--list", required=True, help="mutants.txt")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="a directory")
    arguments = parser.parse_args()
    files = {}
    try:
        for mutant in read_mutants(arguments.list):
            files.setdefault(mutant.file, []).append(mutant)
        for name, mutants in files.items():
            text = (arguments.root / name).read_text()
            for mutant in mutants:
                find(mutant, text, arguments.list)
            mutants.sort(key=lambda m: (m.begin, -m.end))
            body = render(text, 0, len(text), mutants, arguments.list)
            write_if_changed(arguments.output / name, f'extern int romdelta_mutant;\n{body}')
    except (BadList, OSError) as error:
        sys.exit(f"make_mutants.py: {error}")
    # What CMake has to take instead of the originals.
    print(";".join(files))


if __name__ == "__main__":
    main()
