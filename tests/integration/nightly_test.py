#!/usr/bin/python3
"""tests/integration/nightly_test.py MEMRIG

Tests memrig compare, history and report from the outside, on campaigns whose results are made up here. Readers that
others wrote check the formats: xmllint for JUnit, and the kernel's own parser for KTAP if a kernel's source is in the
cache.
Needs neither QEMU nor a network.
"""
import datetime
import glob
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

MEMRIG = os.path.realpath(sys.argv[1])
DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "data")
SCHEMA = """
CREATE TABLE campaign (schema INTEGER, name TEXT, plan TEXT, seed INTEGER, started TEXT);
CREATE TABLE cell (id INTEGER PRIMARY KEY, scenario TEXT, kernel TEXT, bench TEXT, arm TEXT, trials INTEGER, skipped TEXT,
  not_set_up TEXT);
CREATE TABLE attempt (cell INTEGER, number INTEGER, attempt INTEGER, outcome TEXT, host TEXT, PRIMARY KEY (cell, number, attempt));
CREATE TABLE trial (cell INTEGER, number INTEGER, verdict TEXT, as_expected INTEGER, reason TEXT, findings TEXT, seconds REAL,
  directory TEXT, finished TEXT, setting INTEGER, PRIMARY KEY (cell, number));
CREATE TABLE setting (id INTEGER PRIMARY KEY, memrig TEXT, qemu TEXT, accelerator TEXT, release TEXT, sha256 TEXT, bench TEXT, mode TEXT,
  expected TEXT);
INSERT INTO setting VALUES (1, '0.1.0', 'QEMU emulator version 7.2.22', 'tcg', '6.1.0-56-cloud-amd64', 'ab12', 'q35', 'directed', 'held'),
  (2, '0.1.0', 'QEMU emulator version 7.2.22', 'tcg', '6.1.0-56-cloud-amd64', 'ab12', 'q35', 'directed', 'oops, deadlock');
"""
# A text that a guest may print to spoil a report.
EVIL = "\x1b[2J\x00\x07</testcase>]]> & \"' not ok 1 - x # SKIP\n1..5\n\ufffe\uffff \udc80|`<script>".encode("utf-8", "surrogateescape")
EVIL = EVIL.decode("utf-8", "replace")


def oops(offset=0x90, where="zone_for_pfn_range"):
    return [{"oracle": "crash", "verdict": "oops",
             "summary": f"onliner crashed in {where}: BUG: kernel NULL pointer dereference, address: {offset:016x}",
             "details": ["memory_subsys_online", "device_online", "state_store"]}]


def trial(verdict="held", good=True, findings=(), seconds=1.0, reason="it held"):
    return {"verdict": verdict, "good": good, "findings": list(findings), "seconds": seconds, "reason": reason}


HELD, CAUGHT = trial(), trial("oops", True, oops(), 1.5, "it crashed")


class Nights(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="memrig-nightly-")
        self.addCleanup(shutil.rmtree, self.work)

    def night(self, day, cells, plan=""):
        """cells: {(scenario, arm): [trial, ...] or why it was skipped, or ("not set up", why)}"""
        directory = os.path.join(self.work, "nights", f"2026-11-{day:02}")
        os.makedirs(directory)
        database = sqlite3.connect(os.path.join(directory, "campaign.sqlite"))
        database.executescript(SCHEMA)
        database.execute("INSERT INTO campaign VALUES (4, 'nightly', ?, 7, ?)", (plan, f"2026-11-{day:02} 01:00:00"))
        for index, ((scenario, arm), trials) in enumerate(cells.items()):
            skipped = trials if isinstance(trials, str) else None
            not_set_up = trials[1] if isinstance(trials, tuple) else None
            trials = [] if skipped or not_set_up else trials
            database.execute("INSERT INTO cell VALUES (?, ?, 'debian-6.1-amd64', '', ?, ?, ?, ?)",
                             (index, scenario, arm, len(trials) or 3, skipped, not_set_up))
            for number, one in enumerate(trials, 1):
                database.execute("INSERT INTO attempt VALUES (?, ?, 1, 'done', NULL)", (index, number))
                database.execute("INSERT INTO trial VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                                 (index, number, one["verdict"], one["good"], one["reason"], json.dumps(one["findings"]),
                                  one["seconds"], f"trials/{index:04}/{number:04}-1", f"2026-11-{day:02} 02:00:00",
                                  1 if arm == "control" else 2))
        database.commit()
        database.close()
        return directory

    def memrig(self, *arguments, status=0):
        done = subprocess.run([MEMRIG, *arguments], capture_output=True, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, status, f"memrig {arguments}: {done.stderr!r} {done.stdout[-2000:]!r}")
        self.assertNotIn(b"\x1b", done.stdout)
        return done.stdout.decode("utf-8") if status in (0, 1) else done.stderr.decode("utf-8")

    def compared(self, old, new, status=0, *more):
        text = self.memrig("compare", old, new, *more, status=status)
        read = json.loads(self.memrig("compare", old, new, "--json", *more, status=status))
        self.assertEqual(read["regressed"], status == 1)
        return text, read


CONTROL, MUTANT = ("race/a", "control"), ("race/a", "mutant")


class Compare(Nights):
    def test_nights_that_are_alike_have_no_regression(self):
        nights = [self.night(day, {CONTROL: [HELD] * 10, MUTANT: [CAUGHT] * 10}) for day in (1, 2)]
        text, read = self.compared(*nights)
        self.assertIn("2 arms: 0 worse, 0 better, 0 changed in all; 0 findings new, 0 gone, 1 standing", text)
        self.assertEqual([cell["rate"] for cell in read["cells"]], ["same", "same"])

    def test_a_mutant_that_is_no_longer_caught_is_one(self):
        old = self.night(1, {MUTANT: [CAUGHT] * 10})
        new = self.night(2, {MUTANT: [trial("held", False)] * 10})
        text, read = self.compared(old, new, 1)
        self.assertIn("REGRESSION: 10 of 10 trials were as expected, now 0 of 10", text)
        self.assertIn("oops: 10 of 10, now 0 of 10", read["cells"][0]["verdicts_changed"])
        self.assertEqual(len(read["findings"]["gone"]), 1)
        self.assertTrue(read["findings"]["gone"][0]["sure"])
        _, back = self.compared(new, old)
        self.assertEqual(back["cells"][0]["rate"], "better")

    def test_what_may_be_chance_is_none(self):
        old = self.night(1, {MUTANT: [CAUGHT] * 10})
        new = self.night(2, {MUTANT: [CAUGHT] * 8 + [trial("held", False)] * 2})
        _, read = self.compared(old, new)
        self.assertEqual(read["cells"][0]["rate"], "same")

    def test_one_conviction_of_a_control_is_one_however_rare(self):
        old = self.night(1, {CONTROL: [HELD] * 1000})
        new = self.night(2, {CONTROL: [HELD] * 999 + [trial("oops", False, oops(), reason="onliner crashed")]})
        text, read = self.compared(old, new, 1)
        self.assertIn("1 trial of a control convict the kernel: #1000: oops: onliner crashed", text)
        self.assertEqual(read["cells"][0]["rate"], "same")
        self.assertEqual(read["findings"]["new"][0]["before"], 0)
        self.assertIn(os.path.join(new, "trials/0000/1000-1"), text)
        self.compared(new, new, 1)  # and it goes on counting until somebody says that it is known

    def test_an_inconclusive_control_is_none(self):
        old = self.night(1, {CONTROL: [HELD] * 10})
        new = self.night(2, {CONTROL: [HELD] * 9 + [trial("inconclusive", False)]})
        self.compared(old, new)

    def test_a_finding_is_the_same_at_another_address(self):
        old = self.night(1, {MUTANT: [trial("oops", True, oops(0x90))] * 3})
        new = self.night(2, {MUTANT: [trial("oops", True, oops(0xa8))] * 3})
        _, read = self.compared(old, new)
        self.assertEqual((read["findings"]["new"], read["findings"]["gone"]), ([], []))
        other = self.night(3, {MUTANT: [trial("oops", True, oops(0x90, "page_zone"))] * 3})
        text, read = self.compared(old, other)
        self.assertEqual((len(read["findings"]["new"]), len(read["findings"]["gone"])), (1, 1))
        self.assertIn("this may be chance", text)

    def test_times_drift_by_more_than_they_scatter(self):
        calm = [trial(seconds=1 + i / 100) for i in range(10)]
        slow = [trial(seconds=2 + i / 100) for i in range(10)]
        wild = [trial(seconds=1 + i / 2) for i in range(10)]
        nights = [self.night(day, {CONTROL: trials}) for day, trials in ((1, calm), (2, slow), (3, wild))]
        text, read = self.compared(nights[0], nights[1])
        self.assertTrue(read["cells"][0]["time_drifted"])
        self.assertIn("time of a trial: 2.04 s, was 1.04 s", text)
        self.assertFalse(self.compared(nights[0], nights[2])[1]["cells"][0]["time_drifted"])

    def test_arms_that_come_and_go_are_shown(self):
        old = self.night(1, {CONTROL: [HELD] * 3, ("race/b", "control"): [HELD]})
        new = self.night(2, {CONTROL: "no such symbol", ("race/c", "control"): [HELD]})
        text, read = self.compared(old, new, 1)
        self.assertIn("skipped: no such symbol", text)
        self.assertEqual([(cell["before"] is None, cell["after"] is None) for cell in read["cells"]],
                         [(False, False), (True, False), (False, True)])

    def test_coverage_that_vanishes_is_a_regression(self):
        old = self.night(1, {CONTROL: [HELD] * 3, MUTANT: [CAUGHT], ("race/b", "control"): "no such symbol"})
        self.compared(old, old)
        for day, cells, words in (
                (2, {MUTANT: [CAUGHT]}, "3 trials before, now not in the campaign"),
                (3, {CONTROL: "no such symbol", MUTANT: [CAUGHT]}, "3 trials before, now skipped: no such symbol"),
                (4, {CONTROL: ("not set up", "it does not boot"), MUTANT: [CAUGHT]},
                 "3 trials before, now not set up: it does not boot"),
                (5, {CONTROL: [], MUTANT: [CAUGHT]}, "3 trials before, now none"),
                (6, {CONTROL: [HELD] * 3, MUTANT: [trial("inconclusive", False)]},
                 "1 of 1 trials convicted the mutant, now none of 1")):
            text, read = self.compared(old, self.night(day, cells), 1)
            self.assertIn("REGRESSION: " + words, text)
            self.assertEqual(sum(len(cell["regressions"]) for cell in read["cells"]), 1)
        more = self.night(7, {CONTROL: [HELD] * 3, MUTANT: [CAUGHT], ("race/b", "control"): [HELD]})
        self.compared(old, more)

    def test_what_is_no_campaign_is_refused(self):
        night = self.night(1, {CONTROL: [HELD]})
        self.assertIn("there is no campaign in", self.memrig("compare", night, self.work, status=2))
        self.assertIn("there is no campaign in", self.memrig("history", self.work, status=2))


class Known(Nights):
    @staticmethod
    def plan(expires="2999-01-01", key='fingerprint = "HASH"', more=""):
        return f'[[known]]\n{key}\nreason = "bug 17"\nexpires = {expires}\n{more}'

    def crashed(self, day, plan=""):
        return self.night(day, {CONTROL: [HELD] * 9 + [trial("oops", False, oops())]}, plan)

    def hash(self):
        return json.loads(self.memrig("history", self.crashed(9), "--json"))["findings"][0]["fingerprint"]

    def test_a_known_finding_is_no_regression_until_it_expires(self):
        plan = self.plan().replace("HASH", self.hash())
        old = self.night(1, {CONTROL: [HELD] * 10})
        text, read = self.compared(old, self.crashed(2, plan))
        self.assertIn("known until 2999-01-01: bug 17", text)
        self.assertFalse(read["findings"]["new"][0]["expired"])
        self.assertEqual(read["notes"], [])
        expired = plan.replace("2999", "2020")
        text, read = self.compared(old, self.crashed(3, expired), 1)
        self.assertIn("was known until 2020-01-01: bug 17", text)
        self.assertIn("has expired, and counts again", text)

    def test_a_pattern_is_on_scenario_and_text(self):
        plan = self.plan(key='pattern = "crash: onliner crashed in zone_*"', more='scenario = "race/*"\n')
        old = self.night(1, {CONTROL: [HELD] * 10})
        self.compared(old, self.crashed(2, plan))
        _, read = self.compared(old, self.crashed(3, plan.replace("race/*", "validate/*")), 1)
        self.assertIn("this known finding was not seen", read["notes"][0])
        self.assertIn(":1: ", read["notes"][0])

    def test_another_finding_beside_it_counts(self):
        plan = self.plan(key='pattern = "crash: *zone_for*"')
        both = oops() + [{"oracle": "rules", "verdict": "rule-broken", "summary": "R1: x", "details": []}]
        old = self.night(1, {CONTROL: [HELD] * 10})
        self.compared(old, self.night(2, {CONTROL: [trial("oops", False, both)] * 10}, plan), 1)

    def test_status_and_a_plan_from_elsewhere_know_it(self):
        night = self.crashed(1)
        self.assertEqual(json.loads(self.memrig("campaign", "status", night, "--json"))["exit_status"], 1)
        plan = os.path.join(self.work, "plan.toml")
        with open(plan, "w", encoding="utf-8") as file:
            file.write(self.plan(key='pattern = "crash:*"'))
        self.compared(night, night, 0, "--known", plan)
        known = self.crashed(2, self.plan(key='pattern = "crash:*"'))
        status = json.loads(self.memrig("campaign", "status", known, "--json"))
        self.assertEqual((status["exit_status"], status["known"]), (0, 1))

    def test_each_mistake_is_said_with_its_place(self):
        night = self.crashed(1)
        plan = os.path.join(self.work, "plan.toml")
        for text, words in ((self.plan(expires='"2027-01-01"', key='pattern = "*"'), ':4:11: "expires" has to be a date'),
                            (self.plan(), ":2:15: a fingerprint has 12 digits"),
                            (self.plan(key=""), ':1:'),
                            (self.plan(key='pattern = "*"', more="expire = 1\n"), ':5:1: unknown key "expire"'),
                            ("[[known]]\npattern = '*'\nexpires = 2027-01-01\n", '"reason" is missing'),
                            ("[known]\npattern = '*'\n", "[[known]]"), ("=", ":1:1")):
            with open(plan, "w", encoding="utf-8") as file:
                file.write(text)
            error = self.memrig("compare", night, night, "--known", plan, status=2)
            self.assertIn(plan, error)
            self.assertIn(words, error)
            self.assertEqual(error.count("\n"), 1)
        run = 'schema = 1\nname = "n"\n[[run]]\nscenarios = ["race/acpi-dimm-online"]\nkernels = ["none"]\n'
        with open(plan, "w", encoding="utf-8") as file:
            file.write(run + self.plan())
        error = self.memrig("campaign", "run", plan, "--out", os.path.join(self.work, "new"), status=2)
        self.assertIn(plan + ":7:15: a fingerprint has 12 digits", error)
        self.assertFalse(os.path.exists(os.path.join(self.work, "new")))


class History(Nights):
    def test_nights_are_in_the_order_of_time(self):
        for day, trials in ((3, [trial("held", False)] * 4), (1, [CAUGHT] * 4), (2, [CAUGHT] * 5)):
            self.night(day, {CONTROL: [HELD] * 4, MUTANT: trials})
        text = self.memrig("history", os.path.join(self.work, "nights"))
        self.assertLess(text.index("2026-11-01"), text.index("2026-11-03"))
        read = json.loads(self.memrig("history", os.path.join(self.work, "nights"), "--json"))
        self.assertEqual([night["started"] for night in read["nights"]],
                         [f"2026-11-0{day}T01:00:00Z" for day in (1, 2, 3)])
        mutant = read["cells"][1]
        self.assertEqual((mutant["scenario"], mutant["arm"]), MUTANT)
        self.assertEqual([night["as_expected"] for night in mutant["nights"]], [4, 5, 0])
        finding = read["findings"][0]
        self.assertEqual((finding["first"], finding["last"], finding["nights"], finding["trials"]), (0, 1, 2, 9))
        self.assertIn("first 2026-11-01T01:00:00Z, last 2026-11-02T01:00:00Z, in 2 of 3 nights, 9 trials", text)


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
        night = self.night(1, {CONTROL: [trial("oops", False, oops())]}, Known.plan(key='pattern = "crash*"'))
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
        known = self.night(2, {CONTROL: [trial("oops", False, oops())]}, Known.plan(key='pattern = "crash*"'))
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
