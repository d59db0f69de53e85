#!/usr/bin/python3
"""tests/integration/slurm_test.py MEMRIG [small | full]

Submits campaigns of real trials to a real Slurm cluster of the test's own (slurm_cluster.py), and breaks parts of it:
nodes, the controller, the coordinator, slurmd alone, a node's disk, a result. At the end every trial is there once,
with the verdict that it has on one machine. Sweeps and explorations are split in the same way. `small` is the part for
each run, `full` the part for the night: 200 trials in 8 shards.

Exits with 77 if there can be no cluster here. Needs QEMU and the kernel debian-6.1-amd64 in the cache.
"""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import slurm_cluster  # noqa: E402  # pylint: disable=wrong-import-position
from slurm_cluster import wait_for  # noqa: E402  # pylint: disable=wrong-import-position

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


@unittest.skipUnless(os.geteuid() == 0, "only root mounts file systems")
class NodesOfTheirOwn(Submitted):
    """On node1 the directory of temporary files is a small file system; on both nodes the cache can only be read."""
    read_only = "mount --bind {0} {0} && mount -o remount,bind,ro {0}".format(CACHE)
    in_node = {"node1": read_only + " && mount -t tmpfs -o size=700m tmpfs $TMPDIR", "node2": read_only}

    def setUp(self):
        super().setUp()
        # Fills the cache.
        self.call("run", "race/acpi-dimm-online", "--arm", "control", "--trials", "1", "--accel", "tcg")

    def fill(self, node):
        self.cluster.do_in_node(node, f"fallocate -l 600M {self.cluster.temporary}/full")
        self.tell(f"the disk of {node} is full")

    def ends_for_lack_of_room(self):
        """Returns the shard that could not be run."""
        said = self.memrig("wait", self.path("out"), status=4)
        states = wait_for("Slurm answers", self.states)
        failed = [number for number, shard in states.items() if shard["state"] == "failed"]
        self.assertEqual(len(failed), 1, said)
        self.assertIn("FAILED, exit status 3", states[failed[0]]["why"])
        with open(self.path("out", "logs", f"{failed[0]}.log"), encoding="utf-8") as log:
            complaints = [line for line in log if line.startswith("memrig: ")]
        self.assertEqual(len(complaints), 1, complaints)
        self.assertIn(f"no room is left in {self.cluster.temporary}", complaints[0])
        self.assertEqual(self.attempts(failed[0]), [], "nothing is left of it")
        self.tell(complaints[0].strip())
        return failed[0]

    def is_submitted_again(self, shards):
        self.cluster.do_in_node("node1", f"rm {self.cluster.temporary}/full")
        self.assertIn(f"1 shard submitted, {shards - 1} done before", self.submit(shards))
        self.memrig("wait", self.path("out"))


@unittest.skipUnless(EXTENT == "small", "the small extent")
class SmallNodesOfTheirOwn(NodesOfTheirOwn):
    def test_a_full_disk_on_one_node_costs_one_task(self):
        self.plan(1)
        self.fill("node1")
        self.submit(2)
        self.ends_for_lack_of_room()
        self.is_submitted_again(2)
        self.assertEqual(len(self.seeds(self.merge())), 2)


@unittest.skipUnless(EXTENT == "full", "the full extent")
class FullNodesOfTheirOwn(NodesOfTheirOwn):
    def test_a_disk_that_gets_full_in_mid_task_costs_one_task(self):
        self.plan(6)
        self.submit(2)
        wait_for("a shard is in mid task on node1", lambda: self.in_mid_task("node1"))
        self.fill("node1")
        self.ends_for_lack_of_room()
        self.is_submitted_again(2)
        self.compare_with_one_machine(self.merge(), 6)


class Work(Submitted):
    """Work other than a plan."""
    sweep = ["sweep", "validate/offline", "--kernel", "debian-6.1-amd64", "--actor", "adder", "--allocators-only",
             "--within", "__add_memory"]
    explore = ["run", "race/acpi-dimm-online", "--mode", "explore"]

    def submit_work(self, command, shards, *more, status=0):
        return self.call(*command, "--slurm", "--shards", str(shards), "--accel", "tcg", "--out", self.path("out"), *more,
                         status=status)

    def cases(self, directory):
        """The call and the outcome of each case, without what differs from run to run."""
        read = read_json(directory, "sweep.json")
        return {case["number"]: (case["failure"], case["outcome"]) for case in read["cases"]}

    def orders(self, directory):
        """By arm, for each order its number, its verdict, and the order that the evidence says was played."""
        found = {}
        for path in glob.glob(os.path.join(directory, "**", "explored.jsonl"), recursive=True):
            arm = os.path.basename(os.path.dirname(path))
            with open(path, encoding="utf-8") as file:
                lines = [json.loads(line) for line in file.read().splitlines()[1:]]
            for line in lines:
                trial = line["trial"]
                played = read_json(directory, line["directory"], "trial.json")
                self.assertEqual(os.path.basename(line["directory"]), f"{trial['number']:04}")
                self.assertEqual((played["number"], played["order"]), (trial["number"], trial["order"]))
                found[(arm, json.dumps(trial["order"]))] = (trial["number"], trial["verdict"])
        return found

    def sweep_in_shards(self, cases, shards, kills=False):
        command = [*self.sweep, "--most", str(cases)]
        self.assertIn(f"{shards} shards submitted", self.submit_work(command, shards))
        self.tell("the sweep is recorded and submitted")
        if kills:
            self.kill_node_in_mid_task("node1")
        said = self.memrig("wait", self.path("out"))
        self.assertIn(f"{cases} of {cases} cases done", said)
        self.assertIn("nothing to submit", self.submit_work(command, shards))
        # One machine plays the same recording: another one may have other calls.
        shutil.copytree(self.path("out", "opening"), self.path("alone"))
        self.assertIn(f"{cases} cases of {shards} shards merged", self.merge_and_run_alone([*command, "--resume"]))
        alone = self.cases(self.path("alone"))
        self.assertEqual(len(alone), cases)
        self.assertEqual(self.cases(self.path("merged")), alone)
        self.tell("the sweep on one machine has the same results")


    def merge_and_run_alone(self, command):
        """Returns what the merge said. The caller compares the results of both."""
        merged = self.run_memrig("campaign", "merge", self.path("out"), "--out", self.path("merged"))
        self.tell(merged.stdout.splitlines()[0] if merged.stdout else merged.stderr)
        alone = self.run_memrig(*command, "--accel", "tcg", "--out", self.path("alone"))
        for done in (merged, alone):
            self.assertIn(done.returncode, (0, 1), done.stderr)
        return merged.stdout

    def explore_in_shards(self, command, shards, kills=False):
        self.assertIn(f"{shards} shards submitted", self.submit_work(command, shards))
        self.tell("the first orders are played, and the others submitted")
        error = self.submit_work([*command, "--seed", "7"], shards, status=2)
        self.assertRegex(error, "is of another scenario, kernel|has changed since it was submitted")
        if kills:
            self.kill_node_in_mid_task("node1")
        self.memrig("wait", self.path("out"))
        self.tell("all shards are done")
        self.merge_and_run_alone(command)
        alone = self.orders(self.path("alone"))
        self.assertGreater(len(alone), shards)
        self.assertEqual(self.orders(self.path("merged")), alone)
        self.tell(f"one machine plays the same {len(alone)} orders, with the same numbers and verdicts")


@unittest.skipUnless(EXTENT == "small", "the small extent")
class SmallWork(Work):
    def test_an_exploration_in_shards(self):
        points = "kobject_uevent,percpu_up_write"
        self.explore_in_shards([*self.explore, "--arm", "control", "--preemptions", "1", "--points", points], 2)


@unittest.skipUnless(EXTENT == "full", "the full extent")
class FullWork(Work):
    def test_a_sweep_survives_a_node(self):
        self.sweep_in_shards(6, 3, kills=True)

    def test_an_exploration_survives_a_node(self):
        self.explore_in_shards([*self.explore, "--preemptions", "1"], 3, kills=True)


@unittest.skipUnless(EXTENT == "small", "the small extent")
class Small(Submitted):
    def test_a_node_is_killed_in_mid_task(self):
        self.plan(3)
        self.assertIn("3 shards submitted", self.submit(3))
        shard = self.kill_node_in_mid_task("node1")
        said = self.memrig("wait", self.path("out"))
        self.assertIn("3 of 3 shards done; 6 of 6 trials done, 6 as expected", said)
        self.tell("all shards are done")
        with open(self.path("out", "logs", f"{shard}.log"), encoding="utf-8") as log:
            text = log.read()
        self.assertEqual(text.count("2 trials planned"), 2, "the log of the killed attempt is kept")
        self.assertIn("nothing to submit: 3 shards done", self.submit(3))
        self.compare_with_one_machine(self.merge(), 3)

    def test_bad_input_is_one_line(self):
        self.plan(4)
        error = self.submit(4, "--partition", "none", status=2)
        self.assertIn("Slurm refuses: sbatch: ", error)
        self.assertIn("Invalid partition", error)
        self.assertFalse(os.path.exists(self.path("out")))
        self.submit(8, "--", "--hold", "--mem=7M", "--array=1-9")
        job = self.cluster.output("scontrol", "-o", "show", "job")
        self.assertIn("MinMemoryNode=7M", job)
        self.assertIn("ArrayTaskId=1-8 ", job)
        self.assertEqual({shard["state"] for shard in wait_for("Slurm answers", self.states).values()}, {"pending"})
        self.memrig("cancel", self.path("out"))
        self.assertIn("0 of 8 shards done", self.memrig("wait", self.path("out"), status=4))
        self.plan(5)
        self.assertIn("has changed since it was submitted", self.submit(8, status=2))
        self.cluster.kill("slurmctld", signal.SIGTERM)
        shutil.rmtree(self.path("out"))
        self.assertIn("Slurm does not answer", self.submit(8, status=3))
        self.assertFalse(os.path.exists(self.path("out")))


@unittest.skipUnless(EXTENT == "full", "the full extent")
class Full(Submitted):
    def test_two_hundred_trials_survive_everything(self):
        self.plan(100)
        self.submit(8)
        coordinator = self.begin_wait()
        self.kill_node_in_mid_task("node1")
        coordinator.kill()
        coordinator.wait()
        self.tell("the coordinator is killed")
        wait_for("a shard is in mid task on node2", lambda: self.in_mid_task("node2"), 1800)
        coordinator = self.begin_wait()
        self.cluster.restart_controller()
        self.tell("the coordinator and slurmctld are started again")
        self.assertEqual(coordinator.wait(), 0)
        self.tell("all shards are done")
        result = self.path("out", "shards", "5", "result", "campaign.sqlite")
        os.truncate(result, os.path.getsize(result) // 2)
        error = self.memrig("merge", self.path("out"), "--out", self.path("merged"), status=2)
        self.assertIn("shards/5/result/campaign.sqlite is damaged", error)
        self.tell(error.strip())
        self.assertEqual(wait_for("Slurm answers", self.states)[5]["state"], "damaged")
        said = self.submit(8)
        self.assertIn("1 result damaged", said)
        self.assertIn("1 shard submitted, 7 done before", said)
        self.memrig("wait", self.path("out"))
        self.compare_with_one_machine(self.merge(), 100)

    def test_slurmd_is_killed_alone(self):
        self.plan(5)
        self.submit(1)
        shard = 1
        node = wait_for("the shard is in mid task",
                        lambda: next((node for node in slurm_cluster.NODES if self.in_mid_task(node)), None))
        [old] = self.cluster.tasks("memrig", "campaign", "run", "--publish")
        # The old task stands still until the new one is there, so that they run side by side.
        os.kill(old, signal.SIGSTOP)
        self.cluster.kill_slurmd(node)
        self.tell(f"slurmd of {node} is killed alone")
        wait_for("the requeued task runs beside the old one", lambda: len(self.attempts(shard)) == 2)
        both = self.cluster.tasks("memrig", "campaign", "run", "--publish")
        self.assertEqual(len(both), 2)
        os.kill(old, signal.SIGCONT)
        self.tell("both attempts run side by side, under one job and task id")
        wait_for("both attempts have ended",
                 lambda: not self.cluster.tasks("memrig", "campaign", "run", "--publish"), 900)
        self.memrig("wait", self.path("out"))
        merged = self.merge(notes="shard 1/1 was run twice, with the same verdicts")
        self.compare_with_one_machine(merged, 5)


if __name__ == "__main__":
    reason = slurm_cluster.missing()
    if reason:
        print(reason, file=sys.stderr)
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
