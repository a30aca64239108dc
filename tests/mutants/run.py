#!/usr/bin/env python3
"""Runs on each mutant of the engine what has to find it, and says which mutants are found: a mode of
the power-cut campaign, or "unit" and the options of unit tests.

First without a mutant: every command that kills one must pass then. A campaign that does not end
within --timeout counts as a kill: an installation hangs (L3). Exit status 1 when a mutant survives.
"""
import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import time

from make_mutants import read_mutants


def run_campaign(arguments, kill, number, patience=1.0):
    """The exit status (None: it hung), and what was printed."""
    environment = dict(os.environ, ROMDELTA_MUTANT=str(number))
    mode, *options = kill.split()
    if mode == "unit":
        command = [arguments.units, *options, "--gtest_brief=1", "--gtest_fail_fast"]
    else:
        command = [arguments.campaign, mode, *options, "--threads", "1"]
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=patience * arguments.timeout, check=False)
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout


def verdict(status, output):
    """What killed the mutant; empty: nothing did."""
    if status is None:
        return "hangs: L3"
    if status == 0:
        return ""
    for line in output.splitlines():
        if ": replay: " in line or ": broken without any fault: " in line:
            return line
        if line.startswith("[  FAILED  ] ") and "." in line:
            return line[len("[  FAILED  ] "):]
    # A campaign that could not run at all finds nothing.
    if status < 0:
        return f"the campaign was ended by signal {-status}"
    return "NOT every planned fault fired" if "NOT every planned" in output else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--campaign", required=True, help="sim_campaign of the preset mutants")
    parser.add_argument("--units", required=True, help="mutant_units of the same")
    parser.add_argument("--only", action="append", metavar="NAME", help="may be given repeatedly")
    parser.add_argument("--kill", help="this command instead of the one that the list has")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--timeout", type=float, default=60, metavar="SECONDS")
    arguments = parser.parse_args()
    mutants = read_mutants(pathlib.Path(__file__).with_name("mutants.txt"))
    if arguments.only:
        unknown = set(arguments.only) - {mutant.name for mutant in mutants}
        if unknown:
            sys.exit(f"run.py: no mutant is called {', '.join(sorted(unknown))}")
        mutants = [mutant for mutant in mutants if mutant.name in arguments.only]
    for mutant in mutants:
        mutant.kill = arguments.kill or mutant.kill

    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        kills = sorted({mutant.kill for mutant in mutants})
        plain = pool.map(lambda kill: run_campaign(arguments, kill, 0, 0.5), kills)
        for kill, (status, output) in zip(kills, plain):
            if status is None:
                sys.exit(f"run.py: {kill}: takes too long to tell whether a mutant hangs")
            if status != 0:
                sys.exit(f"run.py: {kill}: fails without a mutant\n{output}")
            if "[==========] 0 tests" in output:
                sys.exit(f"run.py: {kill}: there are no such tests")
        print(f"no mutant: {len(kills)} campaigns pass", flush=True)
        results = pool.map(lambda mutant: run_campaign(arguments, mutant.kill, mutant.number),
                           mutants)
        survivors = []
        for mutant, (status, output) in zip(mutants, results):
            found = verdict(status, output)
            print(f"{mutant.name}: {found and 'killed by ' + found or 'SURVIVED ' + mutant.kill}",
                  flush=True)
            if not found:
                survivors.append(mutant.name)
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} mutants killed, "
          f"{time.monotonic() - begin:.0f} s")
    if survivors:
        print("survivors: " + " ".join(survivors))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
