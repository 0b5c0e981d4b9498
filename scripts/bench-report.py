#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Joins the JSON reports of wsbridge-load in a directory into results.json, Markdown tables (results.md) and a plot (series.svg).

bench-report.py FOLDER         exit status 1 when a limit is not met
bench-report.py --broken FILE  exit status 0, and why, when the run of that report broke
"""
import datetime
import json
import os
import pathlib
import platform
import re
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


def cpu(report):
    bridge = report.get("bridge")
    return bridge["cpu-user-ms-per-call-second"] + bridge["cpu-system-ms-per-call-second"] if bridge else None


def lost(report):
    """On the way back by sequence numbers, on the way there by RTCP unless packets were withheld on purpose."""
    rtp = report["rtp"]
    return rtp["lost"] + (max(0, rtp["lost-reported-by-rtcp"]) if rtp["withheld"] == 0 else 0)


def broken(report):
    """Why a run counts as broken, or nothing."""
    reasons = []
    if report["failed"] or report["answered"] < report["calls"]:
        reasons.append(f"{report['failed']} of {report['calls']} calls failed")
    if report["round-trip-ms"]["p50"] > 1000:
        reasons.append(f"round trip p50 {report['round-trip-ms']['p50']:.0f} ms")
    rtp = report["rtp"]
    if lost(report) > 0.01 * max(1, rtp["sent"]):
        reasons.append(f"{lost(report)} of {rtp['sent']} packets lost")
    # A stream that stands still loses nothing: what did not come back at all counts too.
    if rtp["received"] < 0.95 * (rtp["sent"] - rtp["withheld"]):
        reasons.append(f"{rtp['received']} packets back for {rtp['sent']} sent")
    if rtp["bursts-missing"] > 0.05 * max(1, rtp["bursts"]):
        reasons.append(f"{rtp['bursts-missing']} of {rtp['bursts']} bursts never came back")
    return ", ".join(reasons)


def most(value, limit, unit="ms", digits=1):
    return f"{value:.{digits}f} {unit}", f"≤ {limit} {unit}", value <= limit


def heard(summary, key, limit):
    shown, wanted, good = most(summary[key], limit)
    return shown, wanted, good and summary["count"] > 0


def general_rows(report, title):
    """What is told of every run with standing calls."""
    rtp, rtt, setup, own = report["rtp"], report["round-trip-ms"], report["setup-ms"], report["own-lateness-ms"]
    yield title, "calls answered", f"{report['answered']} of {report['calls']}", "all", report["failed"] == 0
    yield title, "RTP packets sent / returned / lost", f"{rtp['sent']} / {rtp['received']} / {lost(report)}", "–", None
    yield title, "media round trip, p50 / p95 / p99", f"{rtt['p50']:.1f} / {rtt['p95']:.1f} / {rtt['p99']:.1f} ms", "–", None
    yield title, "round trip p50, first / last", f"{report['round-trip-first-ms']['p50']:.1f} / {report['round-trip-last-ms']['p50']:.1f} ms", "–", None
    yield title, "INVITE to 200 OK, p50 / p99", f"{setup['p50']:.1f} / {setup['p99']:.1f} ms", "–", None
    yield title, "machine stood still for over 2 ms; busy", f"{report['machine-stalls']} times (worst {report['machine-worst-stall-ms']:.1f} ms); {100 * report['machine-busy']:.0f} %" if report["machine-watched"] else "not watched", "–", None
    yield title, "generator behind its schedule, p99 / max; packets over 5 ms", f"{own['p99']:.1f} / {own['max']:.1f} ms; {report['own-late-sends']}", "–", None
    yield title, "generator's own CPU", f"{100 * report['own-cpu-share']:.0f} % of a core", "–", None
    bridge = report.get("bridge")
    if bridge:
        yield title, "CPU per call and second, user + system", f"{bridge['cpu-user-ms-per-call-second']:.2f} + {bridge['cpu-system-ms-per-call-second']:.2f} ms", "–", None
        yield title, "threads / descriptors", f"{bridge['threads']} / {bridge['descriptors']}", "–", None
        yield title, "memory per call", *most(bridge["bytes-per-call"] / 1e6, 0.4, "MB", 2)
        yield title, "wake-ups per call and second", f"{bridge['wake-ups-per-call-second']:.1f}", "–", None


def late_own(rtp):
    """Packets that were late although the machine did not stand still, had not to catch up and had a core for the loops."""
    return rtp["late"] - rtp["late-by-machine"] - rtp["late-by-backlog"] - rtp["late-by-others"]


def late_beyond_stalls(rtp):
    """Packets that were late although the machine did not stand still meanwhile: the limits are for these."""
    return rtp["late"] - rtp["late-by-machine"]


def late_text(rtp):
    return (f"{late_own(rtp)} (worst {rtp['worst-late-own-ms']:.1f} ms); while the machine stood still {rtp['late-by-machine']}, "
            f"while it caught up {rtp['late-by-backlog']}, while others had the cores {rtp['late-by-others']} (worst {rtp['worst-late-ms']:.1f} ms, {rtp['worst-beyond-stalls-ms']:.1f} ms without the time that it stood)")


def bursts_text(rtp):
    return f"{rtp['bursts-missing']} of {rtp['bursts']}, of them {rtp['bursts-missing-by-machine']} while the machine was behind"


def moved_text(rtp):
    return f"{rtp['schedule-later-ms']:.1f} ms later, {rtp['schedule-earlier-ms']:.1f} ms earlier"


def loop_rows(report, title):
    """What the gateway's loops say of their own ticks, from its start to its end, set-up and hanging up of all calls included."""
    loops = report.get("loops", [])
    if not loops:
        return
    worst, own = (max(loop[key] for loop in loops) for key in ("worst-ms", "worst-own-ms"))
    missed, missed_own = (sum(loop[key] for loop in loops) for key in ("missed", "missed-own"))
    yield title, "ticks of the loops more than 20 ms late by their own work or locks", f"{missed_own:.0f} (worst {own:.1f} ms)", "none", missed_own == 0
    yield title, "those that had to wait for a core besides", f"{missed - missed_own:.0f} (worst {worst:.1f} ms)", "–", None


def single_rows(report):
    rtt, setup = report["round-trip-ms"], report["setup-ms"]
    title = f"single call, PCMU ({report['answered']} calls)"
    yield title, "media round trip, median", *heard(rtt, "p50", 18)
    yield title, "media round trip, p95 / p99 / max", f"{rtt['p95']:.1f} / {rtt['p99']:.1f} / {rtt['max']:.1f} ms", "–", None
    yield title, "INVITE to 200 OK, median", *heard(setup, "p50", 15)
    yield title, "INVITE to 200 OK, max", f"{setup['max']:.1f} ms", "–", None


def hundred_rows(report):
    rtp = report["rtp"]
    title = f"{report['calls']} calls at once, PCMU, {report['steady-s']:.0f} s"
    yield from general_rows(report, title)
    yield title, "RTP packets lost", str(lost(report)), "none", lost(report) == 0
    yield title, "bursts missing; cross-talk", f"{bursts_text(rtp)}; {rtp['cross-talk']}", "none", rtp["bursts-missing"] + rtp["cross-talk"] == 0
    yield title, "late by more than 5 ms", late_text(rtp), "none but for stalls", late_beyond_stalls(rtp) == 0
    yield from loop_rows(report, title)
    yield title, "schedule moved, at most", moved_text(rtp), "5 ms later", rtp["schedule-later-ms"] <= 5
    yield title, "INVITE to 200 OK at 20 calls a second, p99", *heard(report["setup-ms"], "p99", 25)


def burst_rows(report):
    played = report["burst"]
    title = f"{played['frames'] // 50} s at once"
    yield title, "frames played in order", f"{played['frames-in-order']} of {played['frames']}", "all", played["complete"]
    growth = played.get("growth-beyond-audio-mb")
    if growth is not None:
        yield title, "memory beyond the audio", *most(growth, 3, "MB", 2)


def steps_of(reports, name, kind):
    found = {}
    for key, report in reports.items():
        match = re.fullmatch(rf"{name}-{kind}-(\d+)", key)
        if match:
            found[int(match[1])] = report
    return dict(sorted(found.items()))


def ratio_row(title, report, floor, limit):
    """The limits in milliseconds come from a machine on which the floor takes 0.8 ms; elsewhere, or in a bad hour, the ratio says more."""
    if floor is not None and cpu(report) is not None and cpu(floor):
        shown, wanted, good = most(cpu(report) / cpu(floor), limit, "", 2)
        yield title, f"the same, as a ratio to the floor's {cpu(floor):.2f} ms", shown, wanted if limit else "–", good if limit else None


def growth(report):
    return report["round-trip-last-ms"]["p50"] - report["round-trip-first-ms"]["p50"]


def series_rows(reports):
    steps = steps_of(reports, "series", "gateway")
    for kind in ("gateway", "floor"):
        mine = steps_of(reports, "series", kind)
        if not mine:
            continue
        breaks = [(count, broken(report)) for count, report in mine.items() if broken(report)]
        carried = [count for count, report in mine.items() if not broken(report)]
        text = f"at {breaks[0][0]} calls: {breaks[0][1]}" if breaks else f"not up to {max(mine)} calls"
        yield f"series, {kind}", "breaks", f"{text}; carries {max(carried, default=0)}", "–", None
    two = steps.get(200)
    if two:
        title = "series, gateway, 200 calls"
        if cpu(two) is not None:
            yield title, "CPU per call and second", *most(cpu(two), 2.6, "ms", 2)
            yield from ratio_row(title, two, steps_of(reports, "series", "floor").get(200), 3.2)
            threads = two["bridge"]["threads"] - two["bridge"]["threads-before"]
            yield title, "threads per call", *most(threads / 200, 1, "", 2)
            yield title, "memory per call", *most(two["bridge"]["bytes-per-call"] / 1e6, 0.4, "MB", 2)
        yield title, "media round trip, p50", *heard(two["round-trip-ms"], "p50", 18)
        yield title, "media round trip, p99", *heard(two["round-trip-ms"], "p99", 35)
    four = steps.get(400)
    if four:
        title = f"series, gateway, 400 calls, {four['steady-s']:.0f} s"
        gone = lost(four) + four["rtp"]["bursts-missing"] + four["failed"]
        yield title, "packets lost + bursts missing + calls failed", str(gone), "none", gone == 0
        yield title, "media round trip, p50", *heard(four["round-trip-ms"], "p50", 25)
        yield title, "media round trip, p99", *heard(four["round-trip-ms"], "p99", 50)
        yield title, "growth of the round trip's p50, first to last", *most(growth(four), 5)


def l16_rows(reports):
    floor = steps_of(reports, "l16", "floor")
    for count, report in steps_of(reports, "l16", "gateway").items():
        title = f"L16/16000 straight, {count} calls"
        yield from general_rows(report, title)
        if cpu(report) is not None:
            if count == 200:
                yield title, "CPU per call and second", *most(cpu(report), 1.8, "ms", 2)
            yield from ratio_row(title, report, floor.get(count), 2.2 if count == 200 else 0)


def lossy_rows(report, reports):
    title = f"{report['calls']} calls, 5 % loss, 30 ms jitter"
    rtp = report["rtp"]
    yield from general_rows(report, title)
    yield title, "withheld on purpose", f"{rtp['withheld']} of {rtp['withheld'] + rtp['sent']}", "–", None
    line = report["timeline"]
    yield title, "endpoint's time line exact to a packet", f"{line['exact']} calls, {line['wrong']} not (worst {line['worst-ms']:+.1f} ms), {line['unknown']} unknown", "all", line["wrong"] + line["unknown"] == 0
    yield title, "gaps in what comes back", str(rtp["lost"]), "none", rtp["lost"] == 0
    clean = steps_of(reports, "series", "gateway").get(report["calls"])
    if clean:
        yield title, "round trip p50, more than without loss", f"{report['round-trip-ms']['p50'] - clean['round-trip-ms']['p50']:+.1f} ms", "–", None


def churn_rows(report, name):
    short, rtp = report["churn"], report["rtp"]
    title = f"{name}: {report['calls']} calls stand, {report['steady-s']:.0f} s"
    yield from general_rows(report, title)
    yield title, "short calls started / answered / failed", f"{short['started']} / {short['answered']} / {short['failed']}", "none failed", short["failed"] == 0
    yield title, "their INVITE to 200 OK, p50 / p99", f"{short['setup-ms']['p50']:.1f} / {short['setup-ms']['p99']:.1f} ms", "–", None
    yield title, "their packets returned / lost", f"{short['rtp-received']} / {short['rtp-lost']}", "–", None
    damage = lost(report) + rtp["bursts-missing"]
    yield title, "standing calls: packets lost; bursts missing", f"{lost(report)}; {bursts_text(rtp)}", "none", damage == 0
    yield title, "standing calls: late by more than 5 ms", f"of {rtp['received']}: {late_text(rtp)}", "–", None


def soak_rows(report):
    yield from churn_rows(report, "soak")
    title = f"soak: {report['calls']} calls stand, {report['steady-s']:.0f} s"
    sizes = report.get("bridge", {}).get("sizes", [])
    # Calls come and go, so a moment has a few more or fewer than another.
    for key, name, scale, unit, spare in (("resident-bytes", "memory", 1e6, " MB", 0.05), ("descriptors", "descriptors", 1, "", 0.1),
                                          ("threads", "threads", 1, "", 0.1)):
        if len(sizes) < 3:
            continue
        shown = [sizes[at][key] / scale for at in (0, len(sizes) // 2, -1)]
        first = sizes[min(2, len(sizes) - 1)][key] / scale
        yield title, f"{name}: first, middle, last", ", ".join(f"{value:.0f}" for value in shown) + unit, f"flat to {100 * spare:.0f} %", shown[-1] <= first * (1 + spare)
    yield title, "worst lateness of a packet, but for the time that the machine stood still", *most(report["rtp"]["worst-beyond-stalls-ms"], 20)
    yield title, "and but for its backlog", f"{report['rtp']['worst-beyond-backlog-ms']:.1f} ms", "–", None
    yield title, f"and but for the time that generator and endpoint had the cores ({report['loops-waited']} times, {report['loops-waited-s']:.1f} s)", f"{report['rtp']['worst-late-own-ms']:.1f} ms", "–", None
    yield from loop_rows(report, title)
    yield title, "schedule moved, at most", moved_text(report["rtp"]), "–", None
    yield title, "growth of the round trip's p50, first to last minute", *most(growth(report), 5)


def rows(reports):
    for name, function in (("single", single_rows), ("hundred", hundred_rows), ("burst", burst_rows)):
        if name in reports:
            yield from function(reports[name])
    yield from series_rows(reports)
    yield from l16_rows(reports)
    if "lossy" in reports:
        yield from lossy_rows(reports["lossy"], reports)
    if "churn" in reports:
        yield from churn_rows(reports["churn"], "churn")
    if "soak" in reports:
        yield from soak_rows(reports["soak"])


def figures(report):
    """The columns of the series that the gateway and the floor share."""
    rtt, setup, rtp = report["round-trip-ms"], report["setup-ms"], report["rtp"]
    bridge = report.get("bridge", {})
    return {
        "answered / failed": f"{report['answered']} / {report['failed']}",
        "CPU, user + system, ms": f"{bridge['cpu-user-ms-per-call-second']:.2f} + {bridge['cpu-system-ms-per-call-second']:.2f}" if bridge else "–",
        "round trip p50 / p95 / p99, ms": f"{rtt['p50']:.1f} / {rtt['p95']:.1f} / {rtt['p99']:.1f}",
        "set-up p50 / p99, ms": f"{setup['p50']:.1f} / {setup['p99']:.1f}",
        "lost / bursts missing": f"{lost(report)} / {rtp['bursts-missing']}",
        "late > 5 ms, by itself / by stalls, backlog and others": f"{100 * late_own(rtp) / max(1, rtp['received']):.2f} / {100 * (rtp['late'] - late_own(rtp)) / max(1, rtp['received']):.2f} %",
        "threads / descriptors": f"{bridge['threads']} / {bridge['descriptors']}" if bridge else "–",
        "kB per call": f"{bridge['bytes-per-call'] / 1e3:.0f}" if bridge else "–",
        "wake-ups per call-s": f"{bridge['wake-ups-per-call-second']:.0f}" if bridge else "–",
        "generator late p99, ms / packets > 5 ms": f"{report['own-lateness-ms']['p99']:.1f} / {report['own-late-sends']}",
    }


def series_table(reports):
    gateway, floor = steps_of(reports, "series", "gateway"), steps_of(reports, "series", "floor")
    lines = []
    for count in sorted({*gateway, *floor}):
        for kind, steps, other in (("gateway", gateway, floor), ("floor", floor, None)):
            if count not in steps:
                continue
            cells = figures(steps[count])
            ratio = ""
            if other and count in other and cpu(other[count]) and cpu(steps[count]) is not None:
                ratio = f"{cpu(steps[count]) / cpu(other[count]):.1f}"
            if not lines:
                head = ["calls", "", *cells]
                head.insert(4, "CPU ratio")
                lines += ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
            values = [str(count), kind, *cells.values()]
            values.insert(4, ratio)
            lines.append("| " + " | ".join(values) + " |")
    return lines


def svg_panel(x, title, unit, lines, height=260, width=380):
    """One diagram: `lines` is a list of (name, colour, dash, {calls: value})."""
    points = [(count, value) for _, _, _, steps in lines for count, value in steps.items()]
    if not points:
        return []
    most_x, top = max(count for count, _ in points), max(value for _, value in points) or 1
    step = next(size * scale for scale in (10 ** power for power in range(-2, 6)) for size in (1, 2, 5) if top / (size * scale) <= 6)
    top = step * (int(top / step) + 1)
    left, base = x + 48, 60 + height
    place = lambda count, value: (left + width * count / most_x, base - height * value / top)
    out = [f'<text x="{left}" y="22" font-weight="bold">{title}</text>', f'<text x="{left}" y="40" fill="#555">{unit}</text>']
    for i in range(int(round(top / step)) + 1):
        y = base - height * i * step / top
        out.append(f'<line x1="{left}" y1="{y:.1f}" x2="{left + width}" y2="{y:.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{i * step:g}</text>')
    last = -100
    for count in sorted({count for count, _ in points}):
        at = place(count, 0)[0]
        if at - last >= 26:
            out.append(f'<text x="{at:.1f}" y="{base + 18}" text-anchor="middle">{count}</text>')
            last = at
    out.append(f'<text x="{left + width / 2:.0f}" y="{base + 38}" text-anchor="middle">calls at once</text>')
    for i, (name, colour, dash, steps) in enumerate(lines):
        if not steps:
            continue
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in (place(*point) for point in steps.items()))
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>')
        out += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in (place(*point) for point in steps.items())]
        key = left + 8 + (i % 2) * 190
        row = base + 60 + (i // 2) * 18
        out.append(f'<line x1="{key}" y1="{row}" x2="{key + 26}" y2="{row}" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>')
        out.append(f'<text x="{key + 32}" y="{row + 4}">{name}</text>')
    return out


def plot(reports):
    gateway, floor = steps_of(reports, "series", "gateway"), steps_of(reports, "series", "floor")
    blue, grey = "#1f5fa8", "#888888"
    costs = [(name, colour, "0", {count: cpu(report) for count, report in steps.items() if cpu(report) is not None})
             for name, colour, steps in (("gateway", blue, gateway), ("floor", grey, floor))]
    # A run that broke would hide all others under its scale.
    whole = lambda steps, key: {count: report["round-trip-ms"][key] for count, report in steps.items()
                                if report["round-trip-ms"]["count"] and not broken(report)}
    trips = [(f"{name} {key}", colour, dash, whole(steps, key))
             for name, colour, steps in (("gateway", blue, gateway), ("floor", grey, floor)) for key, dash in (("p50", "0"), ("p99", "5 4"))]
    body = svg_panel(0, "CPU per call and second", "ms", costs) + svg_panel(460, "Media round trip", "ms", trips)
    return ("\n".join(['<svg xmlns="http://www.w3.org/2000/svg" width="920" height="430" viewBox="0 0 920 430" font-family="sans-serif" font-size="12">',
                       '<rect width="920" height="430" fill="white"/>', *body, "</svg>"]) + "\n")


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--broken":
        why = broken(json.loads(pathlib.Path(sys.argv[2]).read_text()))
        print(why)
        sys.exit(0 if why else 1)
    folder = pathlib.Path(sys.argv[1])
    reports = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json")) if path.stem != "results"}
    if not reports:
        sys.exit("no measurement was made")
    for name, report in reports.items():
        told_by_loops = folder / f"{name}.loops"
        if told_by_loops.exists():
            report["loops"] = [dict((key, float(value)) for key, value in re.findall(r" (missed|missed-own|worst-ms|worst-own-ms)=([0-9.]+)", line))
                               for line in told_by_loops.read_text().splitlines()]
    host = {
        "date": datetime.date.today().isoformat(),
        "commit": first_line("git", "describe", "--always", "--dirty"),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "gstreamer": first_line("pkg-config", "--modversion", "gstreamer-1.0"),
    }
    told = list(rows(reports))
    limits = [{"run": run, "figure": figure, "measured": measured, "limit": limit, "met": good}
              for run, figure, measured, limit, good in told if good is not None]
    (folder / "results.json").write_text(json.dumps({"host": host, "limits": limits, **reports}, indent=2) + "\n")
    lines = [f"{host['cpu']}, {host['cores']} cores, Linux {host['kernel']}, GStreamer {host['gstreamer']}, "
             f"{host['date']}, {host['commit']}", ""]
    table = series_table(reports)
    if table:
        lines += ["PCMU to 16 kHz, CPU per call and second:", "", *table, ""]
        (folder / "series.svg").write_text(plot(reports))
    lines += ["| run | figure | measured | limit | |", "| --- | --- | --- | --- | --- |"]
    for run, figure, measured, limit, good in told:
        mark = "" if good is None else "met" if good else "**not met**"
        lines.append(f"| {run} | {figure} | {measured} | {limit} | {mark} |")
    text = "\n".join(lines) + "\n"
    (folder / "results.md").write_text(text)
    print(text)
    sys.exit(0 if all(limit["met"] for limit in limits) else 1)


main()
