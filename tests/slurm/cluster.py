"""A Slurm cluster of several nodes on one machine, in namespaces of its own: it cannot be seen from outside and leaves nothing
behind.

The test starts itself again in a private PID, mount and network namespace (`enter`). In there every node is one more
set of namespaces (network, host name, mounts, processes) at one end of a virtual cable whose other end is in a bridge:
a node cannot see its neighbour's processes, and pulling the cable is a real partition.

    the test (login, 10.77.0.254, munged, slurmctld) ── bridge ── n1 (10.77.0.1, slurmd) … nN
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SKIP = 77
HERE = os.path.dirname(os.path.abspath(__file__))
NET = "10.77.0"
NEEDED = ("slurmctld", "slurmd", "srun", "sbatch", "munged", "unshare", "nsenter", "ip", "nft", "mpirun")
UNSHARE = ["unshare", "--net", "--uts", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]

DROP = ("nft add table netdev f && nft add chain netdev f in '{{ type filter hook ingress device {device} priority 0; }}' && "
        "nft add rule netdev f in '{which} drop'")
CONFIG = """
ClusterName=fixture
SlurmctldHost=login({net}.254)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={dir}/munge.sock
CredType=cred/munge
SlurmctldPort=6817
SlurmdPort=6818
SlurmctldPidFile={dir}/slurmctld.pid
SlurmdPidFile={dir}/slurmd.%n.pid
StateSaveLocation={dir}/ctl
SlurmdSpoolDir={dir}/spool-%n
SlurmctldLogFile={dir}/slurmctld.log
SlurmdLogFile={dir}/slurmd.%n.log
TmpFS={dir}/tmp-%n
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc={dir}/jobs.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=none
GresTypes=gpu
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=100000
SlurmctldTimeout=30
SlurmdTimeout=300
KillWait=30
NodeName=n[1-{nodes}] NodeAddr={net}.[1-{nodes}] CPUs={cpus} RealMemory=2000{gres} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1 GraceTime=30 State=UP
PartitionName=urgent Nodes=ALL MaxTime=INFINITE PriorityTier=9 PreemptMode=OFF State=UP
"""


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIP)


def enter():
    """Restart the test in private namespaces, or skip with the reason. Must be called first."""
    if os.environ.get("BIT_CLUSTER_ENTERED"):
        return
    missing = [name for name in NEEDED if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")]
    if missing:
        skip("no " + ", ".join(missing))
    if os.geteuid() != 0:
        skip("slurmd and network namespaces need root")
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    probe = subprocess.run([*UNSHARE, "sh", "-c", "ip link add br9 type bridge && ip link add ve9 type veth peer name ve8"],
                           capture_output=True, text=True)
    if probe.returncode != 0:
        skip("no namespaces or virtual cables here: " + probe.stderr.strip())
    if not os.path.ismount("/sys/fs/cgroup"):
        skip("slurmd does not start where /sys/fs/cgroup is not mounted")
    os.environ["BIT_CLUSTER_ENTERED"] = "1"
    os.execvp(UNSHARE[0], [*UNSHARE, "bash", "-c", '"$@"; exit $?', "init", sys.executable, *sys.argv])  # bash reaps orphans


def shell(command, check=True, **more):
    p = subprocess.run(["bash", "-c", command], capture_output=True, text=True, **more)
    if check and p.returncode != 0:
        raise AssertionError(f"{command} ended with {p.returncode}: {p.stderr}{p.stdout}")
    return p


PATIENCE = 10  # factor for a busy machine; `seconds` are those of an idle one


def until(what, seconds, say, every=0.02):
    """Poll a condition that has no event to wait for. Returns what() once it is true."""
    deadline = time.monotonic() + PATIENCE * seconds
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE * seconds} s: {say}")
        time.sleep(every)


class Node:
    def __init__(self, cluster, number):
        self.cluster, self.number, self.name = cluster, number, f"n{number}"
        self.process = self.line = None

    def start(self):
        d = self.cluster.dir
        for folder in ("spool", "tmp"):
            os.makedirs(f"{d}/{folder}-{self.name}", exist_ok=True)
        # The shell is the node's init process: it reaps orphans, and when it ends the whole node ends.
        script = (f"hostname {self.name}; mount --bind {d}/hosts /etc/hosts; mount -t tmpfs tmpfs /dev/shm; ip link set lo up; "
                  f"echo up; read go; slurmd -f {d}/slurm.conf -N {self.name}; while :; do sleep 3600 & wait $!; done")
        self.process = subprocess.Popen([*UNSHARE, "bash", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=open(f"{d}/{self.name}.log", "ab"), text=True)
        assert self.process.stdout.readline() == "up\n", f"{self.name} did not come up, see {d}/{self.name}.log"
        self.pid = int(shell(f"pgrep -P {self.process.pid}").stdout.split()[0])
        link, at = f"v{self.number}", f"{NET}.{self.number}"
        shell(f"ip link add {link} type veth peer name eth0 netns {self.pid} && ip link set {link} master b0 up")
        self.run(f"ip addr add {at}/24 dev eth0 && ip link set eth0 up")
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def run(self, command, check=True):
        """Run a command on the node."""
        return shell(f"nsenter -t {self.pid} --net --uts --mount --pid bash -c {shlex_quote(command)}", check=check)

    def cut(self):
        shell(f"ip link set v{self.number} down")

    def heal(self):
        shell(f"ip link set v{self.number} up")

    def deafen(self):
        """Drop all packets to the node; those from it still arrive."""
        self.run(DROP.format(device="eth0", which=""))

    def mute(self):
        """Drop all packets from the node; those to it still arrive."""
        shell(DROP.format(device=f"v{self.number}", which=""))

    def degrade(self, percent, delay_ms, seed=0):
        """Lose this percentage of the node's packets in both directions and delay those it sends: by netem if the kernel has it,
        otherwise by bad_line.py between its cable and the bridge. Returns which; "" and does nothing without /dev/net/tun."""
        link, tap = f"v{self.number}", f"t{self.number}"
        loss = f"loss {percent}%"
        if shell(f"tc qdisc add dev {link} root netem {loss}", check=False).returncode == 0:
            self.run(f"tc qdisc add dev eth0 root netem delay {delay_ms}ms {loss}")
            return "netem"
        if not os.path.exists("/dev/net/tun"):
            return ""
        shell(f"ip link set {link} nomaster promisc on")
        self.line = subprocess.Popen([sys.executable, os.path.join(HERE, "bad_line.py"), link, tap, str(percent), str(delay_ms), str(seed)],
                                     stdout=subprocess.PIPE, text=True)
        assert self.line.stdout.readline() == "up\n", "the bad line did not come up"
        shell(f"ip link set {tap} master b0 up")
        return "bad_line.py, as this kernel has no netem"

    def mend(self):
        """Restore the good cable. Returns the statistics of bad_line.py, or ""."""
        self.run("nft flush ruleset; tc qdisc del dev eth0 root 2>/dev/null; true")
        shell(f"nft flush ruleset; tc qdisc del dev v{self.number} root 2>/dev/null; true")
        did = ""
        if self.line is not None:
            self.line.terminate()
            did = self.line.communicate()[0].strip()
            self.line = None
            shell(f"ip link set v{self.number} master b0 promisc off")
        return did

    def crash(self):
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait()

    def pids(self, name):
        """Pids of the node's processes of that name, as the test's PID namespace numbers them."""
        pids = []
        space = os.readlink(f"/proc/{self.pid}/ns/pid")
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{pid}/ns/pid") == space and open(f"/proc/{pid}/comm").read().strip() == name:
                    with open(f"/proc/{pid}/stat") as f:
                        if f.read().rsplit(")", 1)[1].split()[0] != "Z":
                            pids.append(int(pid))
            except OSError:
                continue
        return pids


def shlex_quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


class Cluster:
    def __init__(self, nodes=4, cpus=4, gpus=0):
        self.count, self.cpus, self.gpus = nodes, cpus, gpus
        self.dir = tempfile.mkdtemp(prefix="bit-slurm-")
        os.chmod(self.dir, 0o755)
        self.node = {}

    def write(self, name, text):
        with open(f"{self.dir}/{name}", "w") as f:
            f.write(text)

    def configure(self):
        gres = f" Gres=gpu:{self.gpus}" if self.gpus else ""
        self.write("slurm.conf", CONFIG.format(dir=self.dir, net=NET, nodes=self.count, cpus=self.cpus, gres=gres))
        self.write("cgroup.conf", "")  # empty, so that Slurm does not complain about a missing file
        lines = ["AutoDetect=off"]
        for i in range(self.gpus):
            shell(f"mknod {self.dir}/gpu{i} c 1 3")  # Slurm only needs a file that it can open as a GPU
        if self.gpus:
            lines.append(f"NodeName=n[1-{self.count}] Name=gpu File={self.dir}/gpu[0-{self.gpus - 1}]")
        self.write("gres.conf", "\n".join(lines) + "\n")
        self.write("hosts", "127.0.0.1 localhost\n" + f"{NET}.254 login\n" +
                   "".join(f"{NET}.{i} n{i}\n" for i in range(1, self.count + 1)))

    def __enter__(self):
        begin = time.monotonic()
        os.environ["SLURM_CONF"] = f"{self.dir}/slurm.conf"
        self.configure()
        shell(f"hostname login; mount --bind {self.dir}/hosts /etc/hosts; ip link set lo up; ip link add b0 type bridge; "
              f"ip addr add {NET}.254/24 dev b0; ip link set b0 up")
        shell(f"head -c 128 /dev/urandom > {self.dir}/munge.key; chmod 600 {self.dir}/munge.key; mkdir {self.dir}/ctl; "
              f"munged --force --key-file={self.dir}/munge.key --socket={self.dir}/munge.sock --pid-file={self.dir}/munged.pid "
              f"--log-file={self.dir}/munged.log --seed-file={self.dir}/munged.seed")
        shell(f"slurmctld -f {self.dir}/slurm.conf")
        for i in range(1, self.count + 1):
            self.node[i] = Node(self, i)
            self.node[i].start()
        try:
            until(lambda: self.slurm("sinfo -h -t idle -o %D").strip() == str(self.count), 30, "every node idle", 0.1)
        except AssertionError:
            self.dump()
            raise
        print(f"       {self.count} nodes up in {time.monotonic() - begin:.1f} s")
        return self

    def __exit__(self, kind, value, trace):
        if kind and kind is not SystemExit:
            self.dump()
        for node in self.node.values():
            if node.process.poll() is None:
                node.crash()
        shell(f"kill $(cat {self.dir}/slurmctld.pid {self.dir}/munged.pid)", check=False)
        for name in ("slurmctld", "munged"):
            until(lambda: shell(f"pgrep -x {name}", check=False).returncode != 0, 10, f"{name} ended")
        shell("ip link del b0; umount /etc/hosts", check=False)
        if os.environ.get("BIT_KEEP"):
            print(f"kept {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def dump(self):
        for name in sorted(os.listdir(self.dir)):
            if name.startswith("slurm") and name.endswith(".log"):
                with open(f"{self.dir}/{name}", errors="replace") as f:
                    print(f"---- {name}\n" + f.read()[-1200:])

    def slurm(self, command, check=True):
        return shell(command, check=check).stdout

    def job(self, number):
        """The output of scontrol show job, as a dictionary."""
        out = self.slurm(f"scontrol show job {number} -o", check=False)
        return dict(pair.split("=", 1) for pair in out.split() if "=" in pair)
