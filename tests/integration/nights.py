"""Campaigns whose results are made up, for the tests of memrig compare, history and report."""
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
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


def known_plan(expires="2999-01-01", key='fingerprint = "HASH"', more=""):
    return f'[[known]]\n{key}\nreason = "bug 17"\nexpires = {expires}\n{more}'


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
