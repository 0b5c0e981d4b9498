#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Results of meson's tests, single cases of GoogleTest included.

count-tests.py FILE.junit.xml…         sums them up to the line "N passed, N failed"; of a case that was run
                                       again in the same directory the later file counts
count-tests.py --failed testlog.json   names the programs that failed, one a line
"""
import json
import os
import sys
import xml.etree.ElementTree as ElementTree


def failed_programs(path):
    with open(path, encoding="utf-8") as log:
        for record in map(json.loads, log):
            if record["result"] not in ("OK", "SKIP", "EXPECTEDFAIL"):
                print(record["name"].split(" / ")[-1])
    return 0


def count(paths):
    outcomes = {}
    for path in paths:
        for suite in ElementTree.parse(path).getroot().iter("testsuite"):
            for case in suite.iter("testcase"):
                if case.find("failure") is not None or case.find("error") is not None:
                    outcome = "failed"
                elif case.find("skipped") is not None:
                    outcome = "skipped"
                else:
                    outcome = "passed"
                key = os.path.dirname(path), suite.get("name"), case.get("classname"), case.get("name")
                outcomes[key] = outcome
    for (directory, _, program, name), outcome in outcomes.items():
        if outcome == "failed":
            print(f"failed: {program}.{name} in {directory}")
    results = list(outcomes.values())
    passed, failed, skipped = (results.count(kind) for kind in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if passed > 0 and failed == 0 else 1


if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(failed_programs(arguments[1]) if arguments[:1] == ["--failed"] else count(arguments))
