#!/usr/bin/env python3
"""Runs command line cases: scripts of commands with the output and exit status that they must have.

    run.py --pkgtool PATH --installer PATH [--update] CASE.txt...

A case is a text file:

    # A comment.
    $ pkgtool explain 999
    > a further line of the same command
      a line of standard output (two spaces)
    ! a line of standard error
    = 1

Commands run with bash, one after the other, in an empty directory of the case's own, with helpers.sh
sourced and nothing on standard input. Without a line "= N" the exit status must be 0. In expected
lines

    <digest>  64 hex digits            <n>    a number, with or without separators
    <key-id>  16 upper-case hex digits <any>  any text
    <...>     alone on a line: any lines, or none

--update writes what the commands did into the case; expected lines that match stay as they are.
"""

import argparse
import difflib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
COMMAND_TIMEOUT_S = 240
PLACEHOLDERS = {
    "<digest>": r"[0-9a-f]{64}",
    "<key-id>": r"[0-9A-F]{16}",
    "<n>": r"[0-9][0-9,]*",
    "<any>": r".*",
}
ANY_LINES = "<...>"


class Step:
    """One command and what is expected of it."""

    def __init__(self, command):
        self.command = command
        self.stdout = []
        self.stderr = []
        self.exit = 0


class CaseError(Exception):
    pass


def parse(path):
    """Returns a list of comment lines (str) and Steps, in file order."""
    items = []
    step = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("$ "):
            step = Step([line[2:]])
            items.append(step)
        elif line == "" or line.startswith("#"):
            step = None
            items.append(line)
        elif step is None:
            raise CaseError(f"{path}:{number}: '{line}' belongs to no command")
        elif line.startswith(">"):
            step.command.append(line[2:])
        elif line.startswith("  "):
            step.stdout.append(line[2:])
        elif line == "!" or line.startswith("! "):
            step.stderr.append(line[2:])
        elif line.startswith("= "):
            step.exit = int(line[2:])
        else:
            raise CaseError(f"{path}:{number}: '{line}' is not of any known kind")
    return items


def pattern_of(line):
    parts = re.split("(" + "|".join(PLACEHOLDERS) + ")", line)
    return "".join(PLACEHOLDERS.get(part) or re.escape(part) for part in parts)


def matches(expected, actual):
    """True when the actual lines fit the expected ones."""
    pattern = ""
    for line in expected:
        pattern += r"(?:.*\n)*?" if line == ANY_LINES else pattern_of(line) + r"\n"
    return re.fullmatch(pattern, "".join(line + "\n" for line in actual)) is not None


def generalise(line):
    """What an actual line becomes in a case: without what differs between machines or versions."""
    line = re.sub(r"\b[0-9a-f]{64}\b", "<digest>", line)
    line = re.sub(r"\b[0-9A-F]{16}\b", "<key-id>", line)
    line = re.sub(r"\b[0-9][0-9,]*(?= (?:of [0-9]+ )?bytes\b)", "<n>", line)
    line = re.sub(r"(?<=at offset )[0-9]+", "<n>", line)
    return re.sub(r'(bytes|bytes_max)": [1-9][0-9]*', r'\1": <n>', line)


def updated(expected, actual):
    """The actual lines, with expected ones where they match."""
    if matches(expected, actual):
        return expected
    result = []
    matcher = difflib.SequenceMatcher(None, [generalise(x) for x in expected],
                                      [generalise(x) for x in actual], autojunk=False)
    for kind, e1, e2, a1, a2 in matcher.get_opcodes():
        for i, line in enumerate(actual[a1:a2]):
            old = expected[e1 + i] if e1 + i < e2 else None
            keep = old is not None and old != ANY_LINES and matches([old], [line])
            result.append(old if keep else generalise(line))
    return result


def lines_of(raw):
    text = raw.decode("utf-8", "backslashreplace")
    if text and not text.endswith("\n"):
        text += "<no newline>\n"
    return text.split("\n")[:-1]


def environment(tools, directory):
    wrappers = directory / "bin"
    wrappers.mkdir()
    for name, path in tools.items():
        (wrappers / name).symlink_to(path)
    env = {key: value for key, value in os.environ.items()
           if not key.startswith(("ROMDELTA_", "LC_", "LANG", "COMP_"))}
    env.pop("CI", None)
    env.update(PATH=f"{wrappers}:{env['PATH']}", LC_ALL="C", TZ="UTC", HOME=str(directory),
               CLI_HELPERS=str(HERE / "helpers.py"), PYTHON=sys.executable,
               SAMPLES=str(HERE.parent.parent / "samples"),
               PYTHONDONTWRITEBYTECODE="1")
    return env


def run_step(step, cwd, env):
    command = f'. "{HERE}/helpers.sh"\n' + "\n".join(step.command)
    shell = subprocess.Popen(["bash", "-c", command], cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        out, err = shell.communicate(timeout=COMMAND_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        os.killpg(shell.pid, signal.SIGKILL)  # What it left in the background holds the pipes, too.
        shell.communicate()
        raise
    return lines_of(out), lines_of(err), shell.returncode


def format_step(step):
    text = "$ " + step.command[0] + "\n"
    text += "".join(f"> {line}".rstrip() + "\n" for line in step.command[1:])
    text += "".join(f"  {line}\n" for line in step.stdout)
    text += "".join(f"! {line}".rstrip() + "\n" for line in step.stderr)
    return text + (f"= {step.exit}\n" if step.exit != 0 else "")


def complain(path, step, what, expected, actual):
    print(f"{path.name}: $ {' '.join(step.command)}\n  {what} differs (- expected, + actual):")
    for line in difflib.ndiff(expected, actual):
        print("    " + line)


def run_case(path, tools, update):
    """Returns the number of differences."""
    items = parse(path)
    differences = 0
    directory = pathlib.Path(tempfile.mkdtemp(prefix=f"cli-{path.stem}-"))
    try:
        env = environment(tools, directory)
        cwd = directory / "work"
        cwd.mkdir()
        for step in items:
            if not isinstance(step, Step):
                continue
            stdout, stderr, status = run_step(step, cwd, env)
            for what, expected, actual in (("stdout", step.stdout, stdout),
                                           ("stderr", step.stderr, stderr),
                                           ("exit", [str(step.exit)], [str(status)])):
                if matches(expected, actual):
                    continue
                differences += 1
                if not update:
                    complain(path, step, what, expected, actual)
            if update:
                step.stdout = updated(step.stdout, stdout)
                step.stderr = updated(step.stderr, stderr)
                step.exit = status
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if update and differences:
        path.write_text("".join(
            format_step(item) if isinstance(item, Step) else item + "\n" for item in items))
    return differences


def main():
    parser = argparse.ArgumentParser(description="Runs command line cases.")
    parser.add_argument("--pkgtool", required=True, type=pathlib.Path)
    parser.add_argument("--installer", required=True, type=pathlib.Path)
    parser.add_argument("--update", action="store_true", help="write what happened into the cases")
    parser.add_argument("cases", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    tools = {"pkgtool": arguments.pkgtool.resolve(), "installer": arguments.installer.resolve()}
    for path in tools.values():
        if not os.access(path, os.X_OK):
            parser.error(f"{path} is not a program")
    failed = 0
    for path in arguments.cases:
        try:
            differences = run_case(path, tools, arguments.update)
        except (CaseError, subprocess.TimeoutExpired) as error:
            print(error)
            differences = 1
        if differences:
            failed += 1
            word = "updated" if arguments.update else "FAILED"
            print(f"{path.name}: {word}, {differences} differences")
    return 1 if failed and not arguments.update else 0


if __name__ == "__main__":
    sys.exit(main())
