#!/usr/bin/env python3
"""Measure `countersign token NAME` with 10,000 connections in one file, compared to one connection.

    cargo build --release -p countersign-cli
    python3 benches/whole_process/connections.py [COMMAND]

Each run is a process of its own that gets a token over loopback http. Prints a Markdown table: wall
time, CPU time and peak memory of 40 interleaved runs. Requires GNU time (Debian: `time`), whose own
start is part of the times.
"""

import http.server
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time

RUNS = 40
RESPONSE = json.dumps({"access_token": "x" * 300, "token_type": "Bearer", "expires_in": 3600}).encode()


class TokenEndpoint(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(RESPONSE)))
        self.end_headers()
        self.wfile.write(RESPONSE)

    def log_message(self, *args):
        pass


def connection(number, port):
    return f"""\
[connections.tenant-{number:05}]
provider = "boldsign"
environment = "us"
grant = "client-credentials"
client_id = "client-{number:05}"
client_secret = "secret-of-tenant-{number:05}"
token_url = "http://127.0.0.1:{port}/connect/token"
scopes = "BoldSign.Documents.All BoldSign.Templates.All"
store = "memory"
"""


def run(command, config, name):
    """Return wall time and CPU time in milliseconds, and peak memory in MiB."""
    # With GNU time, because Linux also counts the memory of the process that called exec.
    measured = ["time", "-f", "%M", command, "token", name, "--config", config]
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(measured, env={"HOME": os.path.dirname(config), "PATH": os.environ["PATH"]}, capture_output=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{command} token {name}: {done.stderr.decode()}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall * 1e3, cpu * 1e3, int(done.stderr) / 1024


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    command = sys.argv[1] if len(sys.argv) > 1 else str(root / "target/release/countersign")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), TokenEndpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        cases = []
        for count in (1, 10_000):
            path = pathlib.Path(folder, f"{count}.toml")
            path.write_text("\n".join(connection(number, server.server_port) for number in range(count)))
            path.chmod(0o600)
            cases.append((count, str(path), f"tenant-{count * 7 // 9:05}", []))
        for _ in range(RUNS):
            for _, path, name, runs in cases:
                runs.append(run(command, path, name))
    print("| connections in the file | wall time, median (minimum) | CPU time, median | peak memory |")
    print("|---|---|---|---|")
    for count, _, _, runs in cases:
        wall, cpu, memory = zip(*runs)
        print(
            f"| {count:,} | {statistics.median(wall):.1f} ms ({min(wall):.1f}) | "
            f"{statistics.median(cpu):.1f} ms | {max(memory):.1f} MiB |"
        )


if __name__ == "__main__":
    main()
