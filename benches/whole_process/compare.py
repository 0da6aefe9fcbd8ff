#!/usr/bin/env python3
"""Compare whole processes: start, read a key, sign N tokens, exit.

Install PyJWT, Chilkat (trial), npm jose and golang-jwt by package name into a scratch folder, which
is kept for later runs, and print a Markdown table. Not part of any test: it needs the network, Go,
Node and Python's venv.

    python3 benches/whole_process/compare.py [SCRATCH_FOLDER]
"""

import os
import pathlib
import random
import resource
import shutil
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
BENCHES = HERE.parent
ROUNDS = 9
COUNTS = (1, 1000)


def run(*command, cwd=None, env=None):
    subprocess.run([str(word) for word in command], cwd=cwd, env=env, check=True)


def install(scratch):
    """Install the libraries, and report those that cannot be installed."""
    workers = {}

    def attempt(name, build):
        try:
            workers[name] = [str(word) for word in build()]
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"left out: {name}: {error}", file=sys.stderr)

    def countersign():
        target = scratch / "target"
        env = {**os.environ, "CARGO_TARGET_DIR": str(target)}
        run("cargo", "build", "--release", "--bin", "tokens", cwd=BENCHES, env=env)
        return [target / "release" / "tokens"]

    def countersign_aws_lc():
        target = scratch / "target-aws-lc"
        env = {**os.environ, "CARGO_TARGET_DIR": str(target)}
        run("cargo", "build", "--release", "--features", "peers", "--bin", "tokens", cwd=BENCHES, env=env)
        return [target / "release" / "tokens", "--aws-lc"]

    def python(folder, packages, script):
        venv = scratch / folder
        if not (venv / "bin" / "python").exists():
            run(sys.executable, "-m", "venv", venv)
            run(venv / "bin" / "pip", "install", "--quiet", *packages)
        return [venv / "bin" / "python", HERE / script]

    def node():
        folder = scratch / "node"
        folder.mkdir(exist_ok=True)
        if not (folder / "node_modules").exists():
            run("npm", "install", "--silent", "--prefix", folder, "jose")
        shutil.copy(HERE / "npm_jose.mjs", folder)
        return ["node", folder / "npm_jose.mjs"]

    def golang():
        folder = scratch / "go"
        folder.mkdir(exist_ok=True)
        shutil.copy(HERE / "golang_jwt.go", folder / "main.go")
        if not (folder / "go.mod").exists():
            run("go", "mod", "init", "tokens", cwd=folder)
            run("go", "get", "github.com/golang-jwt/jwt/v5@latest", cwd=folder)
        run("go", "build", "-o", "tokens", ".", cwd=folder)
        return [folder / "tokens"]

    attempt("countersign (ring)", countersign)
    attempt("countersign (aws-lc)", countersign_aws_lc)
    attempt("PyJWT", lambda: python("pyjwt", ["PyJWT", "cryptography"], "pyjwt_tokens.py"))
    attempt("Chilkat (trial)", lambda: python("chilkat", ["chilkat"], "chilkat_tokens.py"))
    attempt("npm jose", node)
    attempt("golang-jwt", golang)
    return workers


def measure(command):
    """Return wall and CPU milliseconds of a child process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return 1000 * wall, 1000 * cpu


def main():
    scratch = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else BENCHES.parent / "target" / "whole_process")
    scratch.mkdir(parents=True, exist_ok=True)
    scratch = scratch.resolve()
    workers = install(scratch)
    key = scratch / "key.pem"
    if not key.exists():
        run("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
    cells = [(name, count) for name in workers for count in COUNTS]
    results = {cell: [] for cell in cells}
    for cell in cells:
        measure([*workers[cell[0]], str(key), str(cell[1])])  # warm up the page cache
    for _ in range(ROUNDS):
        random.shuffle(cells)
        for name, count in cells:
            results[name, count].append(measure([*workers[name], str(key), str(count)]))

    def cell(name, count, which):
        return statistics.median(pair[which] for pair in results[name, count])

    print("| RS256-2048, one process | 1 token: wall ms | CPU ms | 1000 tokens: CPU ms | CPU µs per further token |")
    print("|---|---|---|---|---|")
    for name in sorted(workers, key=lambda name: cell(name, 1000, 1)):
        one, many = cell(name, 1, 1), cell(name, 1000, 1)
        print(f"| {name} | {cell(name, 1, 0):.1f} | {one:.1f} | {many:.1f} | {(many - one) * 1000 / 999:.1f} |")
    load = os.getloadavg()[0]
    print(f"\nMedian of {ROUNDS} rounds in shuffled order; load average {load:.1f} on {os.cpu_count()} cores.")


main()
