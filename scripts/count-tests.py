#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Results of meson's tests, single cases of GoogleTest included.

count-tests.py FILE.junit.xml…         sums them up to the line "N passed, N failed", which comes last. A
                                       program that stands in several files of one directory was run again:
                                       the last file counts, and what failed before it is named as FLAKY.
                                       FILE.json beside FILE.xml, the testlog.json of the same run, tells of
                                       programs that failed without a case (a report of a sanitizer at the end)
count-tests.py --failed testlog.json   names the programs that failed, one a line
"""
import json
import os
import sys
import xml.etree.ElementTree as ElementTree

GOOD = ("OK", "SKIP", "EXPECTEDFAIL")


def program_of(name):
    """Newer versions of meson put the project and the suite in front of it."""
    return name.split(" / ")[-1]


def program_results(path):
    """Pairs of a program's name and its result, of a testlog.json."""
    with open(path, encoding="utf-8") as log:
        for record in map(json.loads, log):
            yield program_of(record["name"]), record["result"]


def outcome_of(case):
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def read_run(path):
    """What one file says: program -> {case: outcome}. A program without cases is a case by itself."""
    run = {}
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        # "project.program.suite" where the program has told its cases, "project" where it has not.
        parts = suite.get("name", "").split(".")
        for case in suite.iter("testcase"):
            name = program_of(case.get("name", ""))
            program = program_of(parts[1]) if len(parts) > 2 else name
            label = f"{case.get('classname')}.{name}" if len(parts) > 2 else name
            run.setdefault(program, {})[label] = outcome_of(case)
    log = os.path.splitext(path)[0] + ".json"
    for program, result in program_results(log) if os.path.exists(log) else ():
        cases = run.setdefault(program, {})
        if result not in GOOD and "failed" not in cases.values():
            cases[program] = "failed"
    return run


def count(paths):
    runs = {}
    for path in paths:
        for program, cases in read_run(path).items():
            runs.setdefault((os.path.dirname(path), program), []).append(cases)
    results, failed, flaky = [], [], []
    for (directory, program), history in runs.items():
        last = history[-1]
        results += last.values()
        for label in dict.fromkeys(label for cases in history for label in cases):
            failures = sum(cases.get(label) == "failed" for cases in history)
            line = f"{program}: {label} in {directory} ({failures} of {len(history)} runs failed)"
            if last.get(label) == "failed":
                failed.append(line)
            elif failures:
                flaky.append(line)
    for line in failed:
        print("failed:", line)
    for line in flaky:
        print("FLAKY:", line)
    if flaky:
        print(f"{len(flaky)} FLAKY: failed first and passed in a later run")
    passed, failures, skipped = (results.count(kind) for kind in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failures} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if passed > 0 and failures == 0 else 1


def failed_programs(path):
    for program, result in program_results(path):
        if result not in GOOD:
            print(program)
    return 0


if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(failed_programs(arguments[1]) if arguments[:1] == ["--failed"] else count(arguments))
