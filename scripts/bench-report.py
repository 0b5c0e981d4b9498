#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Joins the JSON reports of wsbridge-load in a directory into results.json and a Markdown table, results.md."""
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys


def first_line(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def rows(reports):
    single = reports.get("single")
    if single:
        rtt, setup = single["round-trip-ms"], single["setup-ms"]
        title = f"single call, PCMU ({single['answered']} calls)"
        yield title, "media round trip, median", f"{rtt['p50']:.1f} ms", "≤ 25 ms", rtt["count"] > 0 and rtt["p50"] <= 25
        yield title, "media round trip, p95 / p99 / max", f"{rtt['p95']:.1f} / {rtt['p99']:.1f} / {rtt['max']:.1f} ms", "–", None
        yield title, "INVITE to 200 OK, median", f"{setup['p50']:.1f} ms", "≤ 15 ms", setup["count"] > 0 and setup["p50"] <= 15
        yield title, "INVITE to 200 OK, max", f"{setup['max']:.1f} ms", "–", None
    many = reports.get("hundred")
    if many:
        rtp, rtt, setup = many["rtp"], many["round-trip-ms"], many["setup-ms"]
        title = f"{many['calls']} calls at once, PCMU, {many['steady-s']:.0f} s"
        lost = rtp["lost"] + max(0, rtp["lost-reported-by-rtcp"])
        yield title, "calls answered", f"{many['answered']} of {many['calls']}", "all", many["failed"] == 0
        yield title, "RTP packets received / lost", f"{rtp['received']} / {lost}", "none lost", lost == 0
        yield title, "bursts missing / cross-talk", f"{rtp['bursts-missing']} / {rtp['cross-talk']}", "none", rtp["bursts-missing"] + rtp["cross-talk"] == 0
        yield title, "late by more than 5 ms", f"{rtp['late']} (worst {rtp['worst-late-ms']:.1f} ms)", "none", rtp["late"] == 0
        yield title, "media round trip, median / p99", f"{rtt['p50']:.1f} / {rtt['p99']:.1f} ms", "–", None
        yield title, "INVITE to 200 OK, median / p99", f"{setup['p50']:.1f} / {setup['p99']:.1f} ms", "–", None
        own = many["own-lateness-ms"]
        yield title, "generator behind its schedule, p99 / max", f"{own['p99']:.1f} / {own['max']:.1f} ms", "–", None
        bridge = many.get("bridge")
        if bridge:
            user, system = bridge["cpu-user-ms-per-call-second"], bridge["cpu-system-ms-per-call-second"]
            memory = (bridge["resident-bytes"] - bridge["resident-bytes-before"]) / 1e3 / max(1, many["answered"])
            yield title, "CPU per call and second", f"{user:.2f} + {system:.2f} ms (user + system)", "–", None
            yield title, "threads / descriptors / memory per call", f"{bridge['threads']} / {bridge['descriptors']} / {memory:.0f} kB", "–", None
    burst = reports.get("burst")
    if burst:
        heard = burst["burst"]
        title = f"{heard['frames'] // 50} s at once"
        yield title, "frames played in order", f"{heard['frames-in-order']} of {heard['frames']}", "all", heard["complete"]
        growth = heard.get("growth-beyond-audio-mb")
        if growth is not None:
            yield title, "memory beyond the audio", f"{growth:.2f} MB", "≤ 3 MB", growth <= 3


def main():
    folder = pathlib.Path(sys.argv[1])
    reports = {name: json.loads((folder / f"{name}.json").read_text())
               for name in ("single", "hundred", "burst") if (folder / f"{name}.json").exists()}
    if not reports:
        sys.exit("no measurement was made")
    host = {
        "date": datetime.date.today().isoformat(),
        "commit": first_line("git", "describe", "--always", "--dirty"),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "gstreamer": first_line("pkg-config", "--modversion", "gstreamer-1.0"),
    }
    (folder / "results.json").write_text(json.dumps({"host": host, **reports}, indent=2) + "\n")
    lines = [f"{host['cpu']}, {host['cores']} cores, Linux {host['kernel']}, GStreamer {host['gstreamer']}, "
             f"{host['date']}, {host['commit']}", "", "| run | figure | measured | limit | |", "| --- | --- | --- | --- | --- |"]
    for run, figure, measured, limit, good in rows(reports):
        mark = "" if good is None else "met" if good else "**not met**"
        lines.append(f"| {run} | {figure} | {measured} | {limit} | {mark} |")
    text = "\n".join(lines) + "\n"
    (folder / "results.md").write_text(text)
    print(text)


main()
