"""Measures the resources that the daemon uses. `cargo xtask daemon --measure MINUTES` calls this
with the executable.

Two daemons run in real time in folders that imitate machines:

- this machine's own /proc, /sys and terminals;
- a metadata service at 169.254.169.254 in a network namespace;
- an EC2 and a webhook behind TLS, with a certificate chain as long as AWS's. The owner's file of
  trusted authorities contains its root and all roots of this system, in place of the built-in ones;
- a Jupyter server, a hook, and a stub of NVML with one GPU if there is a C compiler.

A client requests the status every minute, and more time every five minutes. One daemon is measured
from outside. The other runs under strace, if it is installed, which counts the expired timers.
"""

import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

POSTS = []
METADATA = "169.254.169.254"
HERE = Path(__file__).parent.parent
STUBS = HERE / "spawnd/tests/stubs"
SYSTEM = Path("/etc/ssl/certs/ca-certificates.crt")


class Cloud(http.server.BaseHTTPRequestHandler):
    """The metadata service, EC2, the webhook and Jupyter."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, code, text):
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_PUT(self):
        self.answer(200, "token")

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        POSTS.append(self.path)
        self.answer(200, "<Response><return>true</return></Response>")

    def do_GET(self):
        identity = {"instanceId": "i-sandbox1", "region": "us-east-1", "pendingTime": "2026-11-23T07:00:00Z"}
        role = {"Code": "Success", "AccessKeyId": "A", "SecretAccessKey": "s", "Token": "t"}
        role["Expiration"] = "2099-01-01T00:00:00Z"
        known = {
            "/latest/dynamic/instance-identity/document": json.dumps(identity),
            "/latest/meta-data/iam/security-credentials/": "spawn-role",
            "/latest/meta-data/iam/security-credentials/spawn-role": json.dumps(role),
            "/api/kernels": json.dumps([{"id": "a", "execution_state": "idle"}]),
        }
        text = known.get(self.path.split("?")[0])
        self.answer(404 if text is None else 200, text or "")


def in_namespace():
    """Restarts this program in a network namespace where the metadata service has its address."""
    mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
    enter = f"ip link set lo up; ip address add {METADATA}/32 dev lo; exec \"$@\""
    os.environ["INSIDE"] = "1"
    os.execvp("unshare", ["unshare", "--net", *mapped, "sh", "-ec", enter, "sh", sys.executable, *sys.argv])


def behind_tls(port, place):
    """Returns a TLS proxy for this port, the proxy's port, and the certificates to trust."""
    place.mkdir()
    proxy = subprocess.Popen([sys.executable, STUBS / "tls.py", place, str(port)], stdout=subprocess.PIPE, text=True)
    secure = int(proxy.stdout.readline())
    believed = (place / "root.pem").read_text() + (SYSTEM.read_text() if SYSTEM.exists() else "")
    print(f"{believed.count('BEGIN CERTIFICATE')} authorities are trusted")
    return proxy, secure, believed


def machine(root, port, secure, believed):
    """Creates a folder that imitates this machine, with every signal on."""
    runtime = root / "root/.local/share/jupyter/runtime"
    for folder in ["etc/spawn/idle.d", "usr/bin", "usr/lib64", "dev", "run/systemd/sessions", "run/systemd/inhibit"]:
        (root / folder).mkdir(parents=True)
    runtime.mkdir(parents=True)
    for link in ["proc", "sys", "dev/pts"]:
        (root / link).symlink_to(f"/{link}")
    terms = {"budget": "20m", "on-expiry": "stop", "idle": {"timeout": "8h", "thresholds": {"output": 1}}}
    (root / "etc/spawn/terms.json").write_text(json.dumps(terms))
    webhook = root / "etc/spawn/webhook.json"
    webhook.write_text(json.dumps({"url": f"https://127.0.0.1:{secure}/hook", "secret": "0123456789abcdef"}))
    webhook.chmod(0o600)
    authorities = root / "etc/spawn/authorities.pem"
    authorities.write_text(believed)
    authorities.chmod(0o644)
    server = {"pid": os.getpid(), "port": port, "base_url": "/", "token": "t"}
    (runtime / "jpserver-1.json").write_text(json.dumps(server))
    # systemd-run without systemd: it runs the words after --.
    run = 'while test "$1" != --; do shift; done; shift; exec "$@"'
    programs = [("usr/bin/systemctl", "exit 0"), ("usr/bin/systemd-run", run), ("etc/spawn/idle.d/quiet", "exit 1")]
    for program, text in programs:
        (root / program).write_text(f"#!/bin/sh\n{text}\n")
        (root / program).chmod(0o755)
    if shutil.which("cc"):
        library = root / "usr/lib64/libnvidia-ml.so.1"
        values = ["-DSLOW=0", "-DSTATUS=0", "-DHELD=1", "-DUSE=3"]
        subprocess.run(["cc", "-shared", "-fPIC", *values, "-o", library, STUBS / "nvml.c"], check=True)


def status(pid):
    return dict(re.findall(r"^(\w+):\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M))


def ticks(pid):
    """Returns the processor time of a process and of its ended children, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    own, children = sum(map(int, fields[11:13])), sum(map(int, fields[13:15]))
    return own / os.sysconf("SC_CLK_TCK"), children / os.sysconf("SC_CLK_TCK")


def main(spawnd, minutes):
    clouds = [http.server.ThreadingHTTPServer(address, Cloud) for address in [("127.0.0.1", 0), (METADATA, 80)]]
    for cloud in clouds:
        threading.Thread(target=cloud.serve_forever, daemon=True).start()
    port = clouds[0].server_address[1]
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        proxy, secure, believed = behind_tls(port, place / "tls")
        traced = place / "strace"
        daemons = []
        for name, before in [("plain", []), ("traced", ["strace", "-f", "-qq", "-o", traced])]:
            if before and not shutil.which(before[0]):
                continue
            root = place / name
            machine(root, port, secure, believed)
            boot = Path("/proc/uptime").read_text().split()[0]
            arguments = ["daemon", "--sandbox", f"https://127.0.0.1:{secure}", "--link-local", "--pace", f"1@{boot}"]
            command = [*before, spawnd, "--root", root, *arguments]
            daemons.append((root, subprocess.Popen(command, stderr=subprocess.DEVNULL)))
        time.sleep(5)
        pid = daemons[0][1].pid
        began = time.monotonic()
        (own, children), switches = ticks(pid), int(status(pid)["voluntary_ctxt_switches"])
        for minute in range(minutes):
            time.sleep(60)
            for root, _ in daemons:
                subprocess.run([spawnd, "--root", root, "status"], check=True, capture_output=True)
                if minute % 5 == 0:
                    subprocess.run([spawnd, "--root", root, "extend", "2m"], check=True, capture_output=True)
        now, seconds = status(pid), time.monotonic() - began
        (own_now, children_now), why = ticks(pid), [spawnd, "--root", daemons[0][0], "status", "--why"]
        print(subprocess.run(why, check=True, capture_output=True, text=True).stdout)
        print(f"{seconds:.0f} s; calls of webhook and EC2 through TLS: {dict(Counter(POSTS))}")
        print(f"resident now {now['VmRSS']} kB, peak {now['VmHWM']} kB; threads {now['Threads']}")
        print(f"processor {100 * (own_now - own) / seconds:.4f} % of a core; hooks {100 * (children_now - children) / seconds:.4f} %")
        print(f"woken {60 * (int(now['voluntary_ctxt_switches']) - switches) / seconds:.1f} times per minute, including for requests")
        for _, daemon in daemons:
            # strace does not forward signals.
            children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
            os.kill(int(children[0]) if daemon.args[0] == "strace" else daemon.pid, signal.SIGTERM)
            daemon.wait()
        proxy.kill()
        if traced.exists():
            expired = re.findall(r"\b(\w+)\(.*(?:= 0 \(Timeout\)|ETIMEDOUT)|\b(nanosleep|clock_nanosleep)\(.*= 0$", traced.read_text(), re.M)
            names = [a or b for a, b in expired]
            counts = {name: names.count(name) for name in sorted(set(names))}
            print(f"timers expired {60 * len(names) / (seconds + 5):.1f} times per minute: {counts}")


if __name__ == "__main__":
    if "INSIDE" not in os.environ:
        in_namespace()
    main(sys.argv[1], int(sys.argv[2]))
