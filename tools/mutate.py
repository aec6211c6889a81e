#!/usr/bin/env python3
"""Breaks closs in one place after the other, and says whether a test notices.

    tools/mutate.py [NAME|NUMBER ...]       breaks what tools/mutations.py lists, or those alone, in build/mutants
    tools/mutate.py --list                  shows the list, and whether each text still stands in its file once

A copy of the tracked files is changed, never the files themselves; it is built once, and stays for the next time. First
every test that is named must pass on closs as it is. Exits with 1 where a mutation survives, does not build, or is not
to be found.
"""
import argparse
import concurrent.futures
import fcntl
import json
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # beside the table, which is a module
from mutations import MUTATIONS

ROOT = pathlib.Path(__file__).resolve().parents[1]
SCRATCH = ROOT / "build/mutants"
EVERY = "9"  # device tests do one case in so many
CANNOT_BUILD = 125  # what `meson test` exits with


def problem(mutation):
    """What is wrong with an entry of the table; None: nothing."""
    path = ROOT / mutation.file
    count = path.read_text().count(mutation.old) if path.is_file() else 0
    if count != 1:
        return f"its text stands {count} times in {mutation.file}, expected once"
    return "changes nothing" if mutation.old == mutation.new else None


def check_table():
    """Prints what is wrong with the table, if anything; returns whether it is right."""
    problems = [(m.name, problem(m)) for m in MUTATIONS]
    names = [m.name for m in MUTATIONS]
    problems += [(name, "stands there twice") for name in sorted(set(names)) if names.count(name) > 1]
    problems = [(name, what) for name, what in problems if what]
    for name, what in problems:
        print(f"tools/mutations.py: {name}: {what}", file=sys.stderr)
    return not problems


class Copy:
    """A copy of the tracked files, with a build folder of its own."""

    def __init__(self, number):
        self.source = SCRATCH / f"copy-{number}"
        self.build = self.source / "build"

    def update(self, tracked):
        """Brings the copy up to date. What did not change keeps its time, so that it is not built again."""
        for name in tracked:
            original, copy = ROOT / name, self.source / name
            if not copy.exists() or copy.read_bytes() != original.read_bytes():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(original, copy)
        for path in self.source.rglob("*"):
            name = path.relative_to(self.source)
            if path.is_file() and name.parts[0] != "build" and str(name) not in tracked:
                path.unlink()
        if not (self.build / "build.ninja").exists():
            self.run("meson", "setup", self.build, self.source, check=True)
        kernels, shared = self.build / "tests/pocl-cache", SCRATCH / "pocl-cache"  # which goes by the kernels' text
        shared.mkdir(exist_ok=True)
        if not kernels.is_symlink():
            kernels.symlink_to(shared)

    def run(self, *command, check=False):
        surroundings = os.environ | {"CLOSS_TEST_EVERY": EVERY}
        surroundings.pop("CLOSS_TEST_FULL", None)  # CI's size is to notice, and the other takes hours
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=surroundings)
        if check and done.returncode != 0:
            sys.exit(f"{done.stdout}\n{' '.join(map(str, command))} failed")
        return done

    def test(self, *names, check=False):
        """Builds what tests need and runs them; the exit status of `meson test`."""
        return self.run("meson", "test", "-C", self.build, *names, check=check).returncode

    def try_mutation(self, mutation):
        path = self.source / mutation.file
        text = path.read_text()
        try:
            path.write_text(text.replace(mutation.old, mutation.new))
            for name in mutation.tests:
                code = self.test(name)
                if code != 0:
                    return "does not build" if code == CANNOT_BUILD else f"killed by {name}"
            return "SURVIVED " + ", ".join(mutation.tests)
        finally:
            path.write_text(text)


def select(words):
    if not words:
        return MUTATIONS
    chosen = [m for i, m in enumerate(MUTATIONS, 1) if m.name in words or str(i) in words]
    if len(chosen) != len(set(words)):
        sys.exit("no such mutation, or one of them twice: see --list")
    return chosen


def run(chosen, jobs):
    tracked = set(subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], check=True, capture_output=True,
                                 text=True).stdout.split("\0")[:-1])
    tests = sorted({name for m in chosen for name in m.tests})
    copies = queue.SimpleQueue()
    SCRATCH.mkdir(parents=True, exist_ok=True)
    lock = open(SCRATCH / "lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)  # the copies are one run's at a time
    ready = [Copy(number) for number in range(jobs)]
    for copy in ready:
        copy.update(tracked)
        copies.put(copy)
    ready[0].run("ninja", "-C", ready[0].build, "build.ninja", check=True)  # with tests that came since it was made
    known = json.loads(ready[0].run("meson", "introspect", "--tests", ready[0].build, check=True).stdout)
    unknown = set(tests) - {test["name"] for test in known}
    if unknown:
        sys.exit(f"tools/mutations.py: no such tests: {', '.join(sorted(unknown))}")
    ready[0].test(*tests, check=True)

    def one(mutation):
        copy = copies.get()
        start = time.monotonic()
        try:
            result = copy.try_mutation(mutation)
        finally:
            copies.put(copy)
        print(f"{MUTATIONS.index(mutation) + 1:3} {mutation.name:26} {mutation.file:30} {result} "
              f"({time.monotonic() - start:.0f} s)", flush=True)
        return result.startswith("killed")

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        killed = list(pool.map(one, chosen)).count(True)
    print(f"{killed} of {len(chosen)} killed")
    return killed == len(chosen)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time, each in a copy of its own")
    parser.add_argument("mutations", nargs="*", metavar="NAME|NUMBER")
    given = parser.parse_args()
    if not check_table():
        return 1
    if not given.list:
        return 0 if run(select(given.mutations), max(given.jobs, 1)) else 1
    for number, m in enumerate(MUTATIONS, 1):
        print(f"{number:3} {m.name:26} {m.file:30} {' '.join(m.tests)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
