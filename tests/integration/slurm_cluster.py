"""A Slurm cluster on this machine, for a test: munge, a controller and two nodes, all in one folder and on loopback.

A node is a PID namespace, so that killing it ends all of its processes, as a machine's end does. Its first process is a
shell, so that slurmd can also be killed alone: then its tasks run on, as on a machine that lost only its slurmd.

Nothing waits for a fixed time: wait_for() looks until a state is there, with a deadline for a test that hangs.
"""
import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

NODES = ("node1", "node2")
PROGRAMS = ("munged", "mungekey", "munge", "slurmctld", "slurmd", "sbatch", "squeue", "sinfo", "scontrol", "scancel")
CONFIGURATION = """
ClusterName=t
SlurmctldHost=localhost
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={base}/m/s,cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={base}/state
SlurmdSpoolDir={base}/spool-%n
SlurmctldPidFile={base}/ctld.pid
SlurmdPidFile={base}/%n.pid
SlurmctldLogFile={base}/ctld.log
SlurmdLogFile={base}/%n.log
ProctrackType=proctrack/linuxproc
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=1
MessageTimeout=10
SlurmdTimeout=3
KillWait=3
ReturnToService=2
NodeName=node1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1 RealMemory=4000
NodeName=node2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1 RealMemory=4000
PartitionName=p Nodes=node1,node2 Default=YES
"""
PATH = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


def wait_for(what, look, seconds=300):
    """Looks until `look()` is true, and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"this did not come to pass within {seconds} s: {what}")
        time.sleep(0.1)


def missing():
    """Returns why there can be no cluster here, or nothing."""
    absent = [program for program in PROGRAMS if not shutil.which(program, path=PATH)]
    if absent:
        return f"Slurm is not installed (tools/setup slurm): no {', '.join(absent)}"
    if subprocess.run(namespace() + ["true"], check=False, capture_output=True).returncode != 0:
        return "this machine gives no PID namespaces"
    return ""


def namespace():
    return ["unshare", *([] if os.geteuid() == 0 else ["-c"]), "-p", "-f", "--mount-proc", "--kill-child"]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Cluster:
    """`in_node`: by node, a shell command that runs in the node's own mount namespace before slurmd does. It may mount
    something there, which only root can do."""

    def __init__(self, in_node=None):
        self.in_node = in_node or {}
        self.base = tempfile.mkdtemp(prefix="memrig-slurm-")
        self.processes = {}
        os.chmod(self.base, 0o711)  # munged wants to pass every folder above its socket
        for folder in ("m", "state"):
            os.mkdir(os.path.join(self.base, folder), 0o711)
        user = subprocess.run(["id", "-un"], check=True, capture_output=True, text=True).stdout.strip()
        with open(os.path.join(self.base, "slurm.conf"), "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(base=self.base, user=user, ports=free_ports(3)))
        # The tasks have the environment of the one who submits them.
        self.temporary = os.path.join(self.base, "tmp")
        os.mkdir(self.temporary)
        self.environment = {**os.environ, "PATH": PATH, "SLURM_CONF": os.path.join(self.base, "slurm.conf"),
                            "TMPDIR": self.temporary}

    def start(self):
        munge = os.path.join(self.base, "m")
        subprocess.run(["mungekey", "-c", "-k", f"{munge}/key"], check=True, env=self.environment)
        self.run("munged", ["munged", "-F", "-S", f"{munge}/s", f"--key-file={munge}/key", f"--pid-file={munge}/pid",
                            f"--log-file={munge}/log", f"--seed-file={munge}/seed"])
        wait_for("munge answers", lambda: self.does("munge", "-S", f"{munge}/s", "-n"))
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        self.wait_for_nodes()

    def stop(self):
        for name in (*NODES, "slurmctld", "munged"):
            self.kill(name)
        shutil.rmtree(self.base, ignore_errors=True)

    def run(self, name, argv, stdin=subprocess.DEVNULL):
        with open(os.path.join(self.base, name + ".out"), "ab") as out:
            self.processes[name] = subprocess.Popen(argv, stdin=stdin, stdout=out, stderr=out, env=self.environment,
                                                    start_new_session=True)

    def kill(self, name, number=signal.SIGKILL):
        process = self.processes.pop(name, None)
        if process is None:
            return
        process.send_signal(number)
        process.wait()
        if process.stdin:
            process.stdin.close()

    def does(self, *argv):
        return subprocess.run(argv, check=False, capture_output=True, env=self.environment).returncode == 0

    def output(self, *argv):
        done = subprocess.run(argv, check=False, capture_output=True, text=True, env=self.environment)
        return done.stdout if done.returncode == 0 else ""

    def start_controller(self):
        self.run("slurmctld", ["slurmctld", "-D"])
        wait_for("slurmctld answers", lambda: self.does("scontrol", "ping") and "UP" in self.output("scontrol", "ping"))

    def restart_controller(self):
        self.kill("slurmctld", signal.SIGTERM)
        self.start_controller()

    def start_node(self, node):
        # Each line that the shell reads starts one slurmd. At the end of its input the node ends.
        script = f"{self.in_node.get(node, ':')} && while read -r _; do slurmd -D -N {node} & done"
        self.run(node, namespace() + ["bash", "-c", script], stdin=subprocess.PIPE)
        self.start_slurmd(node)

    def start_slurmd(self, node):
        self.processes[node].stdin.write(b"\n")
        self.processes[node].stdin.flush()

    def slurmd_of(self, node):
        """The process of a node's slurmd, as this machine numbers it."""
        for pid in self.own_processes():
            if command_of(pid) == ["slurmd", "-D", "-N", node]:
                return pid
        return None

    def do_in_node(self, node, command):
        """Runs a shell command in the node's mount namespace."""
        subprocess.run(["nsenter", f"--mount=/proc/{self.slurmd_of(node)}/ns/mnt", "bash", "-c", command], check=True)

    def kill_slurmd(self, node):
        os.kill(wait_for("slurmd is there", lambda: self.slurmd_of(node)), signal.SIGKILL)

    def own_processes(self):
        """The processes that have this cluster's configuration in their environment."""
        word = ("SLURM_CONF=" + self.environment["SLURM_CONF"]).encode()
        for path in glob.glob("/proc/[0-9]*/environ"):
            try:
                with open(path, "rb") as file:
                    if word in file.read().split(b"\0"):
                        yield int(path.split("/")[2])
            except OSError:
                pass

    def tasks(self, program, *words):
        """The processes of that program with all of the words among their arguments."""
        found = []
        for pid in self.own_processes():
            command = command_of(pid)
            if command and os.path.basename(command[0]) == program and all(word in command for word in words):
                found.append(pid)
        return found

    def node_states(self):
        lines = self.output("sinfo", "-h", "-N", "-o", "%N=%T").split()
        return dict(line.split("=") for line in lines if "=" in line)

    def wait_for_nodes(self):
        good = ("idle", "mixed", "allocated", "completing")
        wait_for("both nodes are up", lambda: all(self.node_states().get(node, "").rstrip("*") in good and
                                                  not self.node_states().get(node, "*").endswith("*")
                                                  for node in NODES))


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode("utf-8", "replace").split("\0")[:-1]
    except OSError:
        return []
