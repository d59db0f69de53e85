"""A campaign that is submitted to a Slurm cluster of the test's own, and what a test asks of it."""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import slurm_cluster
from slurm_cluster import wait_for

MEMRIG = os.path.realpath(sys.argv[1])
EXTENT = sys.argv[2] if len(sys.argv) > 2 else "small"
PLAN = """schema = 1
name = "slurm"
seed = {seed}
[[run]]
scenarios = ["race/acpi-dimm-online"]
kernels = ["debian-6.1-amd64"]
trials = {trials}
"""


CACHE = os.environ.get("MEMRIG_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "memrig")


class Submitted(unittest.TestCase):
    in_node = {}

    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="memrig-slurm-test-")
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.cluster = slurm_cluster.Cluster(self.in_node)
        self.addCleanup(self.cluster.stop)
        self.cluster.start()
        self.began = time.monotonic()

    def tell(self, what):
        print(f"[{time.monotonic() - self.began:6.1f} s] {what}", file=sys.stderr, flush=True)

    def path(self, *words):
        return os.path.join(self.work, *words)

    def plan(self, trials, seed=24):
        """`trials` of each of the two arms."""
        with open(self.path("plan.toml"), "w", encoding="utf-8") as file:
            file.write(PLAN.format(trials=trials, seed=seed))

    def memrig(self, *arguments, status=0):
        return self.call("campaign", *arguments, status=status)

    def run_memrig(self, *arguments):
        return subprocess.run([MEMRIG, *arguments], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, env=self.cluster.environment, cwd=self.work)

    def call(self, *arguments, status=0):
        done = self.run_memrig(*arguments)
        self.assertEqual(done.returncode, status, f"memrig {arguments}: {done.stderr} {done.stdout[-2000:]}")
        if status not in (0, 4):
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stdout if status in (0, 4) else done.stderr

    def submit(self, shards, *more, status=0):
        return self.memrig("submit", self.path("plan.toml"), "--slurm", "--shards", str(shards), "--accel", "tcg", "--out",
                           self.path("out"), *more, status=status)

    def states(self):
        """Returns the shards by number; nothing if the controller does not answer in time, on a busy host."""
        done = subprocess.run([MEMRIG, "campaign", "status", self.path("out"), "--json"], capture_output=True, text=True,
                              check=False, env=self.cluster.environment, cwd=self.work)
        if done.returncode == 3:
            self.assertIn("Slurm does not answer", done.stderr)
            return {}
        self.assertEqual(done.returncode, 0, done.stderr)
        read = json.loads(done.stdout)
        return {shard["shard"]: shard for shard in read["shards"]}

    def running(self, node=None):
        return [number for number, shard in self.states().items()
                if shard["state"] == "running" and node in (None, shard.get("node"))]

    def attempts(self, shard):
        return glob.glob(self.path("out", "shards", str(shard), "attempt-*"))

    def in_mid_task(self, node):
        """A shard that runs on the node and has had a trial, but is not done."""
        for shard in self.running(node):
            for attempt in self.attempts(shard):
                if glob.glob(os.path.join(attempt, "trials", "*", "*", "results.json")) or self.has_line(attempt):
                    return shard
        return None

    def has_line(self, attempt):
        """True if a journal has more lines than the shard began with."""
        for path in glob.glob(os.path.join(attempt, "**", "*.jsonl"), recursive=True):
            opening = self.path("out", "opening", os.path.relpath(path, attempt))
            if os.path.exists(opening) and os.path.getsize(path) > os.path.getsize(opening):
                return True
        return False

    def begin_wait(self):
        return subprocess.Popen([MEMRIG, "campaign", "wait", self.path("out")], stdout=subprocess.DEVNULL,
                                env=self.cluster.environment, cwd=self.work)

    def verdicts(self, campaign):
        """Returns the number of trials and the verdicts, by arm. No trial may be missing."""
        read = json.loads(self.memrig("status", campaign, "--json"))
        for cell in read["cells"]:
            self.assertEqual(cell["done"], cell["trials"])
        return {cell["arm"]: (cell["trials"], cell["verdicts"]) for cell in read["cells"]}

    def seeds(self, campaign):
        """The seed and the verdict of each trial, from its own evidence."""
        found = {}
        for path in glob.glob(os.path.join(campaign, "trials", "*", "*", "results.json")):
            with open(path, encoding="utf-8") as file:
                read = json.load(file)
            for arm in read["arms"]:
                for trial in arm.get("trial_results", []):
                    key = (arm["arm"], trial["seed"])
                    self.assertNotIn(key, found, "a trial is there twice")
                    found[key] = trial["verdict"]
        return found

    def compare_with_one_machine(self, merged, trials):
        self.memrig("run", self.path("plan.toml"), "--accel", "tcg", "--jobs", "2", "--out", self.path("alone"))
        self.tell("the same plan was run on one machine")
        alone, joined = self.seeds(self.path("alone")), self.seeds(merged)
        self.assertEqual(len(joined), 2 * trials)
        self.assertEqual(joined, alone)
        self.assertEqual(self.verdicts(merged), self.verdicts(self.path("alone")))
        compared = subprocess.run([MEMRIG, "compare", self.path("alone"), merged], capture_output=True, text=True,
                                  check=False)
        self.assertEqual(compared.returncode, 0, compared.stdout)

    def kill_node_in_mid_task(self, node):
        shard = wait_for(f"a shard is in mid task on {node}", lambda: self.in_mid_task(node))
        self.cluster.kill(node)
        self.tell(f"{node} is killed while it runs shard {shard}")
        wait_for("Slurm sees it", lambda: self.cluster.node_states().get(node, "").startswith("down"))
        self.cluster.start_node(node)
        self.tell(f"{node} is started again")
        return shard

    def merge(self, *, notes=None):
        said = self.memrig("merge", self.path("out"), "--out", self.path("merged"))
        self.tell(said.strip().replace("\n", "; "))
        if notes is not None:
            self.assertIn(notes, said)
        return self.path("merged")


def read_json(*words):
    with open(os.path.join(*words), encoding="utf-8") as file:
        return json.load(file)
