#!/usr/bin/python3
"""tests/integration/reports_test.py MEMRIG

Tests memrig report from the outside, on campaigns whose results are made up here. Readers that others wrote check the
formats: xmllint for JUnit, and the kernel's own parser for KTAP if a kernel's source is in the cache. Needs neither
QEMU nor a network.
"""
import datetime
import glob
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
import unittest

from nights import CAUGHT, CONTROL, DATA, EVIL, HELD, MUTANT, Nights, known_plan, oops, trial


def kunit():
    """The kernel's own parser of KTAP, of a source tree in the cache."""
    cache = os.environ.get("MEMRIG_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "memrig")
    found = sorted(glob.glob(os.path.join(cache, "kernels", "sources", "*", "tools", "testing", "kunit", "kunit.py")))
    return found[-1] if found else None


class Reports(Nights):
    def bad_night(self):
        crash = trial("oops", False, oops() + [{"oracle": "console", "verdict": "inconclusive", "summary": EVIL,
                                               "details": [EVIL] * 3}], reason=EVIL)
        return self.night(1, {CONTROL: [HELD, crash, trial("inconclusive", False), trial("rig-fault", False)],
                              MUTANT: [CAUGHT, trial("held", False)], ("validate/b", "control"): "it lacks " + EVIL})

    def report(self, night, what):
        return self.memrig("report", night, "--format", what)

    def test_junit_is_within_its_schema(self):
        file = os.path.join(self.work, "junit.xml")
        self.assertEqual(self.memrig("report", self.bad_night(), "--format", "junit", "--out", file), "")
        subprocess.run(["xmllint", "--noout", "--schema", os.path.join(DATA, "junit.xsd"), file], check=True,
                       stderr=subprocess.DEVNULL)
        counts = subprocess.run(["xmllint", "--xpath", "concat(/testsuites/@tests, ' ', /testsuites/@failures, ' ', "
                                 "/testsuites/@errors, ' ', count(//testcase), ' ', count(//failure), ' ', count(//error), ' ', "
                                 "count(//skipped))", file], check=True, capture_output=True).stdout.split()
        self.assertEqual([int(count) for count in counts], [7, 1, 3, 7, 1, 3, 1])
        with open(file, encoding="utf-8") as text:
            self.assertNotRegex(text.read(), "[\x00-\x08\x0b-\x1f\ufffe\uffff]|&#")

    def test_a_known_finding_is_skipped_in_junit(self):
        night = self.night(1, {CONTROL: [trial("oops", False, oops())]}, known_plan(key='pattern = "crash*"'))
        self.assertIn('<skipped message="known until 2999-01-01: bug 17" />', self.report(night, "junit"))

    def test_kcidb_is_as_its_description_says(self):
        night = self.bad_night()
        read = json.loads(self.memrig("report", night, "--format", "kcidb", "--origin", "my_lab"))
        self.check_kcidb(read, "my_lab")
        self.assertEqual([test["status"] for test in read["tests"]],
                         ["PASS", "FAIL", "ERROR", "MISS", "PASS", "ERROR", "SKIP"])
        self.assertEqual(read["tests"][0]["path"], "memrig.race.a.control")
        self.assertEqual(read["tests"][0]["start_time"], "2026-11-01T01:59:59Z")
        self.assertIn("is not an origin", self.memrig("report", night, "--format", "kcidb", "--origin", "My:Lab", status=2))
        again = json.loads(self.memrig("report", night, "--format", "kcidb", "--origin", "my_lab"))
        self.assertEqual(again, read)

    def check_kcidb(self, read, origin):
        """kcidb_io/schema/v05_03.py, for what memrig writes."""
        self.assertEqual(set(read), {"version", "checkouts", "builds", "tests", "issues", "incidents"})
        self.assertEqual(read["version"], {"major": 5, "minor": 3})
        allowed = {"checkouts": {"id", "origin", "comment", "valid", "misc"},
                   "builds": {"checkout_id", "id", "origin", "comment", "status", "misc"},
                   "tests": {"build_id", "id", "origin", "environment", "path", "comment", "status", "start_time", "duration",
                             "log_excerpt", "misc"},
                   "issues": {"id", "version", "origin", "report_subject", "culprit", "comment", "misc"},
                   "incidents": {"id", "origin", "issue_id", "issue_version", "build_id", "test_id", "present", "comment"}}
        required = {"checkouts": {"id", "origin"}, "builds": {"checkout_id", "id", "origin"}, "tests": {"build_id", "id", "origin"},
                    "issues": {"id", "version", "origin"}, "incidents": {"id", "origin", "issue_id", "issue_version"}}
        ids = {kind: {one["id"] for one in read[kind]} for kind in allowed}
        for kind, keys in allowed.items():
            self.assertEqual(len(ids[kind]), len(read[kind]), "an id is there twice")
            for one in read[kind]:
                self.assertLessEqual(set(one), keys)
                self.assertLessEqual(required[kind], set(one))
                self.assertEqual(one["origin"], origin)
                self.assertRegex(one["id"], r"^[a-z0-9_]+:.+$")
                self.assertTrue(one["id"].startswith(origin + ":"))
                for key in ("comment", "log_excerpt"):
                    self.assertNotIn("\0", one.get(key, ""))
                if "status" in one:
                    self.assertIn(one["status"], ("FAIL", "ERROR", "MISS", "PASS", "DONE", "SKIP"))
        versions = {issue["id"]: issue["version"] for issue in read["issues"]}
        for issue in read["issues"]:
            self.assertGreaterEqual(issue["version"], 0)
            self.assertEqual(set(issue["culprit"]), {"code", "tool", "harness"})
        for incident in read["incidents"]:
            self.assertEqual(incident["issue_version"], versions[incident["issue_id"]])
            self.assertIn(incident["test_id"], ids["tests"])
            self.assertIn(incident["build_id"], ids["builds"])
        self.assertEqual(set(versions), {incident["issue_id"] for incident in read["incidents"]})
        for build in read["builds"]:
            self.assertIn(build["checkout_id"], ids["checkouts"])
        for test in read["tests"]:
            self.assertIn(test["build_id"], ids["builds"])
            self.assertRegex(test["path"], r"^([a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*)?$")
            self.assertLessEqual(len(test.get("log_excerpt", "")), 16384)
            self.assertLessEqual(set(test.get("environment", {})), {"comment", "misc"})
            if "start_time" in test:
                datetime.datetime.fromisoformat(test["start_time"])
            self.assertGreaterEqual(test.get("duration", 0), 0)
        self.assertNotIn("null", re.findall(r"\bnull\b", json.dumps(read)))

    def test_kcidb_has_an_issue_for_each_fingerprint_and_an_incident_for_each_trial(self):
        night = self.night(1, {CONTROL: [HELD, trial("oops", False, oops()), trial("oops", False, oops(0xa8)),
                                         trial("oops", False, oops(0x90, "page_zone"))], MUTANT: [CAUGHT] * 3})
        read = json.loads(self.report(night, "kcidb"))
        self.check_kcidb(read, "memrig")
        self.assertEqual((len(read["issues"]), len(read["incidents"])), (2, 3), "the mutant's findings are no issues")
        self.assertEqual([issue["version"] for issue in read["issues"]], [1, 1])
        self.assertIn("onliner crashed in zone_for_pfn_range", read["issues"][0]["comment"])
        known = self.night(2, {CONTROL: [trial("oops", False, oops())]}, known_plan(key='pattern = "crash*"'))
        read = json.loads(self.report(known, "kcidb"))
        self.check_kcidb(read, "memrig")
        self.assertEqual(read["issues"][0]["version"], 29990101)
        self.assertEqual(read["issues"][0]["misc"]["known"], "known until 2999-01-01: bug 17")

    def test_mail_can_be_pasted_into_a_reply(self):
        text = self.report(self.bad_night(), "mail")
        for line in text.split("\n"):
            if not line.startswith("    memrig "):  # a command is pasted whole
                self.assertLessEqual(len(line), 72, line)
        self.assertNotRegex(text, "[\x00-\x09\x0b-\x1f]")
        for words in ("6.1.0-56-cloud-amd64, SHA-256 ab12", "1 of 4 as expected", "Finding ", "zone_for_pfn_range",
                      "Not shown by this:", "False convictions: "):
            self.assertIn(words, re.sub(r"\n +", " ", text))
        reproducer = [line.split() for line in text.split("\n") if line.startswith("    memrig ")][:3]
        self.assertEqual([command[1] for command in reproducer], ["kernels", "run", "explain"])
        self.assertIn("race/a", reproducer[1])
        held = self.report(self.night(2, {CONTROL: [HELD] * 3}), "mail")
        self.assertIn("No control convicted the kernel.", held)
        self.assertNotIn("To reproduce", held)

    def test_each_report_says_what_it_does_not_show(self):
        night = self.night(1, {CONTROL: [HELD] * 40, MUTANT: [CAUGHT] * 19 + [trial("held", False)]})
        for what in ("markdown", "mail", "ktap"):
            text = re.sub(r"\s+", " ", self.report(night, what)).replace("\\", "")
            self.assertIn("controls were convicted in 0 of 40 trials, so the rate is at most 8.8% (95% interval)", text, what)
            self.assertIn("mutants were not convicted in 1 of 20 trials", text, what)

    def test_ktap_is_read_by_the_kernels_own_parser(self):
        text = self.report(self.bad_night(), "ktap")
        self.assertTrue(text.startswith("KTAP version 1\n1..3\n"))
        self.assertIn("  # files: trials/0000/0002-1\n  not ok 2 - trial 2\n", text)
        self.assertIn("ok 3 - validate/b debian-6.1-amd64 - control # SKIP it lacks", text)
        # Six trials and a skipped arm; kunit.py counts an ERROR as a failure.
        self.parsed_by_kunit(text, {"passed": 2, "failed": 4, "skipped": 1})

    def test_ktap_of_every_verdict_and_mode_is_read_by_the_kernels_own_parser(self):
        """The golden files have a run of each kind, and here each verdict is in a campaign, expected and not."""
        for file in sorted(glob.glob(os.path.join(os.path.dirname(DATA), "golden", "report", "*.ktap"))):
            with self.subTest(file=os.path.basename(file)), open(file, encoding="utf-8") as text:
                ktap = text.read()
                self.parsed_by_kunit(ktap, self.leaves_of(ktap))
        verdicts = ("held", "deadlock", "oops", "rule-broken", "lock-order", "accounting", "hang", "warning", "inconclusive",
                    "rig-fault")
        night = self.night(1, {("race/" + verdict, arm): [trial(verdict, True), trial(verdict, False)]
                               for verdict in verdicts for arm in ("control", "mutant")})
        ktap = self.report(night, "ktap")
        counts = self.leaves_of(ktap)
        self.assertEqual(sum(counts.values()), 4 * len(verdicts))
        self.parsed_by_kunit(ktap, counts)

    def counts_what_failed_alone(self, parser):
        """True for kunit.py of 7.2, not of 6.12: it counts a test that failed although none within it did."""
        file = os.path.join(self.work, "alone.ktap")
        with open(file, "w", encoding="utf-8") as out:
            out.write("KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  ok 1 - inner\nnot ok 1 - outer\n")
        done = subprocess.run([sys.executable, parser, "parse", file], capture_output=True, text=True, check=False)
        self.assertIn("passed: 1", done.stdout + done.stderr)
        return "failed: 1" in done.stdout + done.stderr

    @staticmethod
    def failed_alone(ktap):
        """The number of arms that failed without a failed trial, although they have trials: they were interrupted."""
        alone, trials = 0, []
        for line in ktap.split("\n"):
            match = re.match(r"( *)(ok|not ok) [0-9]+ - [^#]*(?:# (SKIP))?", line)
            if not match:
                continue
            failed = match[2] == "not ok" and not match[3]
            if match[1]:
                trials.append(failed)
                continue
            alone += failed and bool(trials) and not any(trials)
            trials = []
        return alone

    @staticmethod
    def leaves_of(ktap):
        """The results of the trials, and of arms without trials, as a reader of KTAP counts them."""
        counts = {"passed": 0, "failed": 0, "skipped": 0}
        inner = False  # the line before belonged to a trial
        for line in ktap.split("\n"):
            match = re.match(r"( *)(ok|not ok) [0-9]+ - [^#]*(?:# (SKIP|ERROR))?", line)
            if match and (match[1] or not inner):
                counts["skipped" if match[3] == "SKIP" else "passed" if match[2] == "ok" else "failed"] += 1
            if line.strip() and not line.startswith("#"):
                inner = line.startswith(" ")
        return counts

    def parsed_by_kunit(self, text, counts):
        parser = kunit()
        if parser is None and not os.environ.get("MEMRIG_NEEDS_KERNEL_SOURCE"):
            self.skipTest("no kernel's source is in the cache; reference/ktap_parser_test needs one")
        self.assertIsNotNone(parser, "no kernel's source is in the cache")
        file = os.path.join(self.work, "results.ktap")
        with open(file, "w", encoding="utf-8") as out:
            out.write(text)
        done = subprocess.run([sys.executable, parser, "parse", file], capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        if not any(counts.values()):  # for kunit.py, a run without tests is an error of its own
            self.assertIn("Ran 0 tests: errors: 1", said)
            return
        # kunit.py says of what it cannot read "[ERROR]", and leaves a count of 0 out.
        if self.counts_what_failed_alone(parser):
            counts = {**counts, "failed": counts["failed"] + self.failed_alone(text)}
        shown = ", ".join(f"{what}: {count}" for what, count in counts.items() if count)
        self.assertIn(f"Ran {sum(counts.values())} tests: {shown}", said)
        self.assertNotIn("[ERROR]", said)

    def test_markdown_is_a_table_that_no_guest_can_leave(self):
        text = self.report(self.bad_night(), "markdown")
        rows = [line for line in text.split("\n") if line.startswith("| ")]
        self.assertEqual(len(rows), 5)
        for row in rows:
            self.assertEqual(len(re.findall(r"(?<!\\)\|", row)), 8, row)
        self.assertNotIn("<script>", text.replace("\\<script>", ""))
        self.assertIn("**1 of 4**", text)
        self.assertIn("crash: onliner crashed in zone", text)

    def test_an_arm_that_was_not_set_up_is_in_every_report(self):
        night = self.night(1, {CONTROL: [HELD], MUTANT: ("not set up", "it does not boot")})
        self.assertIn("not ok 2 - race/a debian-6.1-amd64 - mutant # ERROR not set up: it does not boot",
                      self.report(night, "ktap"))
        self.assertIn('<error type="not set up" message="it does not boot" />', self.report(night, "junit"))
        read = json.loads(self.report(night, "kcidb"))
        self.check_kcidb(read, "memrig")
        self.assertEqual([test["status"] for test in read["tests"]], ["PASS", "MISS"])
        self.assertIn("**not set up** | | it does not boot |", self.report(night, "markdown"))
        self.assertIn("NOT SET UP: it does not boot", self.memrig("history", night))
        self.assertIn("NOT SET UP: it does not boot", self.memrig("campaign", "status", night))
        self.assertEqual(json.loads(self.memrig("campaign", "status", "--json", night))["exit_status"], 4)

    def test_an_older_campaign_and_an_empty_one_are_reported(self):
        empty = self.night(1, {CONTROL: []})
        old = self.night(2, {CONTROL: [HELD]})
        with sqlite3.connect(os.path.join(old, "campaign.sqlite")) as database:
            database.executescript("ALTER TABLE campaign DROP COLUMN started; ALTER TABLE trial DROP COLUMN setting; DROP TABLE setting; "
                                   "UPDATE campaign SET schema = 1")
        for night in (empty, old):
            for what in ("ktap", "junit", "kcidb", "markdown", "mail"):
                self.assertNotEqual(self.report(night, what), "")
            self.check_kcidb(json.loads(self.report(night, "kcidb")), "memrig")
        self.assertIn("there are no results in", self.memrig("report", self.work, "--format", "junit", status=2))

    def test_ten_thousand_results_are_reported(self):
        cells = {(f"race/s{i}", arm): [one] * 100 for i in range(50) for arm, one in (("control", HELD), ("mutant", CAUGHT))}
        nights = [self.night(day, cells) for day in (1, 2)]
        began = time.monotonic()
        for what in ("ktap", "junit", "kcidb", "markdown", "mail"):
            self.assertGreater(len(self.report(nights[0], what)), 1000)
        self.compared(*nights)
        self.memrig("history", *nights)
        spent = time.monotonic() - began
        print(f"10,000 results: eight reports in {spent:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
