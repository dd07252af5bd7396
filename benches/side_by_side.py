#!/usr/bin/env python3
"""Time pcapviz beside the limit and other tools, on the same captures, in turns.

    benches/side_by_side.py --bin target/release CAPTURE... [--rounds 3] [--skip TOOL]...

The captures are those of make_captures.py: mix.pcap and wide.pcap. `limit` sums every byte of the mapped file;
nfpcapd, ndpiReader, tcpdump and tshark run where they are installed. All times are wall-clock seconds of a whole
process, the best of the rounds; RssAnon is the peak of anonymous memory, seen in a run of its own. Linux only. Needs Python 3.9.
"""
import argparse
import os
import platform
import shutil
import subprocess
import tempfile
import time


def commands(binaries, capture, folder):
    """What to run on a capture: name and command, ours first."""
    pcapviz = os.path.join(binaries, "pcapviz")
    rows = [
        ("pcapviz", [pcapviz, "--quiet", capture]),
        ("pcapviz --threads 1", [pcapviz, "--quiet", "--threads", "1", capture]),
        ("limit", [os.path.join(binaries, "limit"), capture]),
    ]
    others = [
        ("nfpcapd", ["nfpcapd", "-r", capture, "-w", folder]),
        ("ndpiReader", ["ndpiReader", "-q", "-i", capture]),
        ("tcpdump", ["tcpdump", "-nn", "-r", capture]),
        ("tshark", ["tshark", "-n", "-q", "-z", "conv,ip", "-z", "conv,tcp", "-z", "conv,udp", "-r", capture]),
    ]
    return rows + [(name, command) for name, command in others if shutil.which(name)]


def anonymous(pid):
    """The process's anonymous memory in bytes; 0 once it has ended."""
    try:
        with open(f"/proc/{pid}/status") as status:
            return next((int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon")), 0)
    except OSError:
        return 0


def run(command, watch=None):
    """Wall-clock and CPU seconds. `watch`, if given, is told the process's number again and again until it ends: that takes
    time from it."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG if watch else 0)
        if pid:
            break
        watch(process.pid)
        time.sleep(0.002)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"side_by_side: {command[0]} failed with exit status {process.returncode}")
    return seconds, usage.ru_utime + usage.ru_stime


def peak(command):
    """The peak of anonymous memory in bytes."""
    seen = [0]
    run(command, lambda pid: seen.append(anonymous(pid)))
    return max(seen)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", nargs="+")
    parser.add_argument("--bin", default="target/release", help="folder with pcapviz and limit")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--skip", action="append", default=[], help="a tool to leave out")
    args = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
          f"load {os.getloadavg()[0]:.1f} before the start\n")
    for capture in args.captures:
        with open(capture, "rb") as handle:
            while handle.read(1 << 24):  # into the page cache
                pass
        best = {}
        with tempfile.TemporaryDirectory() as folder:
            rows = [row for row in commands(args.bin, capture, folder) if row[0] not in args.skip]
            peaks = {name: peak(command) for name, command in rows}
            for _ in range(args.rounds):
                for name, command in rows:
                    result = run(command)
                    best[name] = min(best.get(name, result), result)
        ours = best["pcapviz"][0]
        print(f"| {os.path.basename(capture)} | wall s | CPU s | RssAnon MB | times pcapviz |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for name, (seconds, cpu) in best.items():
            print(f"| {name} | {seconds:.2f} | {cpu:.2f} | {peaks[name] / 1e6:.0f} | {seconds / ours:.2f} |")
        print()


if __name__ == "__main__":
    main()
