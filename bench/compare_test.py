#!/usr/bin/env python3
"""Tests of bench/compare. The whole run needs ROMDELTA_PKGTOOL, the path of a pkgtool."""

import contextlib
import csv
import importlib.machinery
import importlib.util
import io
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
_PATH = pathlib.Path(__file__).with_name("compare")
_LOADER = importlib.machinery.SourceFileLoader("compare", str(_PATH))
compare = importlib.util.module_from_spec(importlib.util.spec_from_loader("compare", _LOADER))
sys.modules["compare"] = compare  # dataclasses looks its classes' module up.
_LOADER.exec_module(compare)

COST = compare.Cost(wall_s=2.0, cpu_s=1.0, peak_bytes=3 << 20)


def result(tool, payload_bytes, identical=True):
    """A result as measure() leaves it, before ratios."""
    return compare.Result(tool, identical=identical, payload_bytes=payload_bytes,
                          file_bytes=payload_bytes, build=COST, apply=COST)


def write_pair(root, name, source_name, target_name, source=b"a", target=b"b"):
    """Makes the directory of one pair."""
    path = pathlib.Path(root, name)
    path.mkdir()
    (path / source_name).write_bytes(source)
    (path / target_name).write_bytes(target)


def run_main(*argv):
    """Exit status, stdout and stderr of a run."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(err):
        try:
            status = compare.main(list(argv), out, err)
        except SystemExit as leave:  # argparse
            status = leave.code
    return status, out.getvalue(), err.getvalue()


class PairDiscovery(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = scratch.name

    def test_finds_both_layouts_in_the_order_of_names(self):
        write_pair(self.root, "b", "old", "new")
        write_pair(self.root, "a", "source", "target")
        pairs = compare.find_pairs(self.root)
        self.assertEqual([p.name for p in pairs], ["a", "b"])
        self.assertEqual([p.source.name for p in pairs], ["source", "old"])
        self.assertEqual([p.target.name for p in pairs], ["target", "new"])

    def test_passes_over_what_is_no_pair(self):
        write_pair(self.root, "good", "old", "new")
        write_pair(self.root, "mixed", "old", "target")
        pathlib.Path(self.root, "README").write_text("not a pair")
        self.assertEqual([p.name for p in compare.find_pairs(self.root)], ["good"])

    def test_chooses_by_name_or_pattern(self):
        for name in ("m1_router", "m2_modem", "s1_sensor"):
            write_pair(self.root, name, "old", "new")
        names = [p.name for p in compare.find_pairs(self.root, ["m*", "s1_sensor"])]
        self.assertEqual(names, ["m1_router", "m2_modem", "s1_sensor"])
        self.assertEqual([p.name for p in compare.find_pairs(self.root, ["m1_router"])],
                         ["m1_router"])

    def test_says_which_pairs_there_are_when_none_is_chosen(self):
        write_pair(self.root, "m1_router", "old", "new")
        with self.assertRaisesRegex(compare.UsageError, "m1_router"):
            compare.find_pairs(self.root, ["nothing"])

    def test_refuses_a_directory_without_pairs(self):
        with self.assertRaises(compare.UsageError):
            compare.find_pairs(self.root)
        with self.assertRaises(compare.UsageError):
            compare.find_pairs(os.path.join(self.root, "missing"))


class Figures(unittest.TestCase):
    def test_geometric_mean_is_the_root_of_the_product(self):
        self.assertAlmostEqual(compare.geometric_mean([2, 8]), 4)
        self.assertAlmostEqual(compare.geometric_mean([0.5, 2, 1]), 1)
        self.assertIsNone(compare.geometric_mean([]))

    def test_cost_keeps_the_least_time_and_the_most_memory(self):
        costs = [compare.Cost(3, 1, 10), compare.Cost(2, 2, 30), compare.Cost(4, 3, 20)]
        self.assertEqual(compare.least_cost(costs), compare.Cost(2, 1, 30))

    def test_ratios_hold_against_the_smallest_peer_and_against_bsdiff(self):
        results = [result("pkgtool", 50), result("bsdiff", 100), result("zstd", 80)]
        compare.set_ratios(results)
        self.assertEqual([r.ratio_best_peer for r in results], [0.625, 1.25, 1.0])
        self.assertEqual([r.ratio_bsdiff for r in results], [0.5, 1.0, 0.8])

    def test_a_wrong_result_has_no_ratio_and_is_nobodys_measure(self):
        results = [result("pkgtool", 50), result("bsdiff", 10, identical=False)]
        compare.set_ratios(results)
        self.assertEqual([r.ratio_best_peer for r in results], [None, None])
        self.assertEqual([r.ratio_bsdiff for r in results], [None, None])

    def test_means_leave_out_pairs_that_failed(self):
        first = [result("pkgtool", 50), result("bsdiff", 100)]
        second = [result("pkgtool", 200), result("bsdiff", 100)]
        third = [result("pkgtool", 1, identical=False), result("bsdiff", 100)]
        for results in (first, second, third):
            compare.set_ratios(results)
        means = compare.summarize({"a": first, "b": second, "c": third})
        self.assertEqual([(m["tool"], m["pairs"]) for m in means], [("pkgtool", 2), ("bsdiff", 3)])
        self.assertAlmostEqual(means[0]["ratio_bsdiff"], 1.0)

    def test_window_covers_the_bytes_and_stays_in_what_zstd_accepts(self):
        self.assertEqual(compare.window_log(0), 10)
        self.assertEqual(compare.window_log(1 << 20), 20)
        self.assertEqual(compare.window_log((1 << 20) + 1), 21)
        self.assertEqual(compare.window_log(1 << 40), 31)

    def test_version_is_the_first_number_with_a_dot(self):
        self.assertEqual(compare.find_version("*** Zstandard CLI (64-bit) v1.5.4, by"), "1.5.4")
        self.assertEqual(compare.find_version("Xdelta version 3.0.11, Copyright (C) 2007"),
                         "3.0.11")
        self.assertEqual(compare.find_version("nothing"), "")


class Reports(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        write_pair(scratch.name, "pair", "source", "target")
        self.pairs = compare.find_pairs(scratch.name)
        results = [result("pkgtool", 50), result("bsdiff", 100, identical=False)]
        results[1].error = "the result is not the target"
        compare.set_ratios(results)
        self.results = {"pair": results}

    def test_table_aligns_and_marks_what_is_missing(self):
        self.assertEqual(compare.table(["tool", "n"], [["a", 1], ["long", None], ["b", "1,000"]]),
                         ["tool      n", "a         1", "long      -", "b     1,000"])

    def test_text_says_why_a_tool_has_no_figures(self):
        out = io.StringIO()
        compare.print_text(self.pairs, self.results, compare.summarize(self.results), out)
        self.assertIn("bsdiff: the result is not the target", out.getvalue())

    def test_csv_has_every_column_on_every_row(self):
        out = io.StringIO()
        compare.print_csv(self.pairs, self.results, out)
        rows = list(csv.DictReader(io.StringIO(out.getvalue())))
        self.assertEqual([row["tool"] for row in rows], ["pkgtool", "bsdiff"])
        self.assertEqual(tuple(rows[0]), compare.CSV_COLUMNS)
        self.assertEqual(rows[0]["build_cpu_s"], "1.0")

    def test_json_names_images_by_their_digest(self):
        out = io.StringIO()
        compare.print_json([], self.pairs, self.results, [], out)
        report = json.loads(out.getvalue())
        self.assertEqual(report["schema"], 1)
        self.assertEqual(report["pairs"][0]["source"]["sha256"],
                         "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb")


class Running(unittest.TestCase):
    def test_measures_the_program_and_not_its_parent(self):
        cost, status, _ = compare.Runner().run(["/bin/sh", "-c", "exit 0"])
        self.assertEqual(status, 0)
        self.assertGreater(cost.wall_s, 0)
        self.assertGreater(cost.peak_bytes, 0)

    def test_passes_on_exit_status_and_talk(self):
        _, status, talk = compare.Runner().run(["/bin/sh", "-c", "echo no >&2; exit 3"])
        self.assertEqual((status, talk), (3, "no\n"))

    def test_never_loses_a_program_that_ends_at_once(self):
        runner = compare.Runner()
        for _ in range(50):
            self.assertEqual(runner.run(["/bin/true"])[1], 0)

    def test_content_is_compared_whole(self):
        with tempfile.TemporaryDirectory() as root:
            write_pair(root, "pair", "source", "target", b"x" * 3_000_000, b"x" * 2_999_999 + b"y")
            source = os.path.join(root, "pair", "source")
            self.assertTrue(compare.same_content(source, source))
            self.assertFalse(compare.same_content(os.path.join(root, "pair", "target"), source))
            self.assertFalse(compare.same_content(os.path.join(root, "missing"), source))


class Usage(unittest.TestCase):
    def test_wrong_calls_exit_with_2(self):
        with tempfile.TemporaryDirectory() as root:
            self.assertEqual(run_main(root)[0], 2)
            self.assertEqual(run_main(root, "--runs", "0")[0], 2)
            self.assertEqual(run_main(root, "--peers", "nobody")[0], 2)
            write_pair(root, "pair", "old", "new")
            status, _, err = run_main(root, "--pkgtool", os.path.join(root, "missing"))
            self.assertEqual(status, 2)
            self.assertIn("--pkgtool", err)


@unittest.skipUnless(os.environ.get("ROMDELTA_PKGTOOL"), "ROMDELTA_PKGTOOL is not set")
class WholeRun(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = scratch.name
        source = random.Random(1).randbytes(40_000)
        target = source[:10_000] + b"inserted" + source[10_000:30_000] + source[31_000:]
        write_pair(self.root, "pair", "source", "target", source, target)

    def test_pkgtool_gives_the_target_back(self):
        status, out, err = run_main(self.root, "--pkgtool", os.environ["ROMDELTA_PKGTOOL"],
                                    "--format", "json")
        self.assertEqual(status, 0, err)
        [pair] = json.loads(out)["pairs"]
        [ours] = [r for r in pair["results"] if r["tool"] == "pkgtool"]
        self.assertTrue(ours["identical"])
        self.assertLess(ours["payload_bytes"], 4_000)
        self.assertEqual(ours["file_bytes"], ours["payload_bytes"] + ours["metadata_bytes"])
        self.assertGreater(ours["ram_bytes"], 0)

    @unittest.skipUnless(shutil.which("sh"), "needs a shell")
    def test_a_tool_that_fails_makes_the_run_fail(self):
        liar = pathlib.Path(self.root, "liar")
        liar.write_text('#!/bin/sh\n'
                        f'[ "$1" = apply ] && exit 1\nexec {os.environ["ROMDELTA_PKGTOOL"]} "$@"\n')
        liar.chmod(0o755)
        status, out, _ = run_main(self.root, "--pkgtool", str(liar), "--peers", "")
        self.assertEqual(status, 1)
        self.assertIn("liar exited with 1", out)


if __name__ == "__main__":
    unittest.main()
