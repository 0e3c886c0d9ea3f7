#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report.py WORK ROUNDS [DIR]: what tests/bench/run measured, as Markdown on stdout or in DIR/bench.md with DIR/bench.svg."""
import datetime
import os
import sys

work, rounds = sys.argv[1:3]
out = sys.argv[3] if len(sys.argv) > 3 else None
LIFE = "create + start + delete"
# operation: against the floor, against crun
TARGETS = {"full": (1.35, 0.45), "seccomp": (1.35, 0.45), "exec": (None, 0.40), "state": (None, 0.30), "kill": (None, 0.30),
	   "version": (None, 0.30), "delete--force": (None, 0.25), LIFE: (None, 0.45)}
PARALLEL, PARALLEL_FLOOR, PARALLEL_CRUN = "8", 0.80, 1.8  # containers a second, of theirs
RSS_KB, INIT_KB = 2048, 200  # at its highest; of the waiting init alone
CASES = {"minimal": "minimal (pid and mount namespaces)", "full": "full namespaces", "seccomp": "the engines' seccomp profile",
	 "user": "user namespace", "nonet": "no network namespace", "mounts100": "100 mounts", "masks200": "200 masked paths",
	 "large": "config of 10 000 lines"}
OPERATIONS = ["create", "start", "state", "exec", "kill", "delete", "delete--force", "version"]
ORDER = ["floor", "kedge", "crun", "runc", "bwrap"]


def lines(name):
	try:
		with open(os.path.join(work, name)) as f:
			return [line.split() for line in f]
	except FileNotFoundError:
		return []


class Row:
	def __init__(self, words):
		self.median, self.least, self.greatest, self.cpu, self.faults, self.rss = (float(w) for w in words[:6])
		self.failed = int(words[6])


results = {}
for case, label, *words in lines("results"):
	program, _, operation = label.partition(":")
	results.setdefault(operation or case, {})[program] = Row(words)
parts = LIFE.split(" + ")
if all(p in results for p in parts):
	results[LIFE] = {name: Row([sum(getattr(results[p][name], f) for p in parts) for f in
				    ("median", "least", "greatest", "cpu", "faults", "rss")] + [sum(results[p][name].failed for p in parts)])
			 for name in results[parts[0]] if all(name in results[p] for p in parts)}
rates = {}
for parallel, program, rate in lines("throughput"):
	rates.setdefault(parallel, {})[program] = rate
text = []


def ratio(rows, against, figure):
	if "kedge" not in rows or against not in rows or rows[against].failed:
		return "–"
	return "%.2f" % (getattr(rows["kedge"], figure) / getattr(rows[against], figure))


def table(title, rows):
	text.append("### %s\n" % title)
	text.append("| | median ms | min | max | CPU ms | page faults | peak RSS kB |\n|---|---|---|---|---|---|---|")
	for name in ORDER:
		if name not in rows:
			continue
		r = rows[name]
		note = " (%d of %s failed)" % (r.failed, rounds) if r.failed else ""
		text.append("| %s%s | %.2f | %.2f | %.2f | %.2f | %.0f | %.0f |"
			    % (name, note, r.median, r.least, r.greatest, r.cpu, r.faults, r.rss))
	text.append("")


def summary():
	text.append("| | kedge / floor: wall | CPU | target | kedge / crun: wall | CPU | target |\n|---|---|---|---|---|---|---|")
	for case in list(CASES) + OPERATIONS + [LIFE]:
		if case not in results:
			continue
		rows, (floor, crun) = results[case], TARGETS.get(case, (None, None))
		text.append("| %s | %s | %s | %s | %s | %s | %s |" % (
			CASES.get(case, case.replace("--", " --")), ratio(rows, "floor", "median"), ratio(rows, "floor", "cpu"),
			"≤ %.2f" % floor if floor else "", ratio(rows, "crun", "median"), ratio(rows, "crun", "cpu"),
			"≤ %.2f" % crun if crun else ""))
	row = {name: float(rate) for name, rate in rates.get(PARALLEL, {}).items()}
	if {"floor", "kedge", "crun"} <= set(row):
		text.append("| containers a second, %s in parallel | %.2f | | ≥ %.2f | %.2f | | ≥ %.1f |" % (
			PARALLEL, row["kedge"] / row["floor"], PARALLEL_FLOOR, row["kedge"] / row["crun"], PARALLEL_CRUN))
	init = [m for m in lines("memory") if m[:2] == ["init", "kedge"]]
	text.append("\nPeak RSS of a run: %.0f kB (target < %d); of a waiting init, private: %s kB (target < %d).\n" % (
		results["full"]["kedge"].rss, RSS_KB, init[0][3] if init else "–", INIT_KB))


def rest():
	text.append("### Many containers\n\n| | kedge | crun | runc |\n|---|---|---|---|")
	for case in sorted((c for c in results if c.startswith(("list", "create-beside"))), key=lambda c: (c[0] == "c", len(c))):
		text.append("| %s, median ms | %s |" % (case.replace("list", "list of ").replace("-", " "), " | ".join(
			"%.2f" % results[case][p].median if p in results[case] else "–" for p in ("kedge", "crun", "runc"))))
	memory = lines("memory")
	for kind, text_of in (("init", "a created container's init: RSS / private kB"),):
		rows = {m[1]: m[2:] for m in memory if m[0] == kind}
		text.append("| %s | %s |" % (text_of, " | ".join(" / ".join(rows[p]) if p in rows else "–" for p in ("kedge", "crun", "runc"))))
	for m in memory:
		if m[0] == "thousand":
			text.append("| 1000 sleeping containers: memory of all (PSS) kB | %s | – | – |" % m[2])
	text.append("\n### Containers a second, full namespaces\n\n| in parallel | floor | kedge | crun | runc |\n|---|---|---|---|---|")
	for parallel, row in rates.items():
		text.append("| %s | %s |" % (parallel, " | ".join(row.get(p, "–") for p in ("floor", "kedge", "crun", "runc"))))
	text.append("\n### System calls of a run, full namespaces, `true` included\n")
	text.append(", ".join("%s %s" % tuple(c) for c in lines("calls")) + "\n")


def bars():
	height, left, scale, y = 16, 190, 420, 40
	colours = {"floor": "#9aa5b1", "kedge": "#1f6feb", "crun": "#d08770"}
	svg = []
	for case in list(CASES) + OPERATIONS:
		rows = results.get(case, {})
		if "crun" not in rows or "kedge" not in rows:
			continue
		svg.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (left - 8, y + height + 4, case.replace("--", " --")))
		for name in ("floor", "kedge", "crun"):
			if name not in rows:
				continue
			share = rows[name].median / rows["crun"].median
			svg.append('<rect x="%d" y="%d" width="%.0f" height="%d" fill="%s"/>'
				   % (left, y, min(share, 1.3) * scale, height - 2, colours[name]))
			svg.append('<text x="%.0f" y="%d">%s %.2f ms</text>'
				   % (left + min(share, 1.3) * scale + 6, y + height - 5, name, rows[name].median))
			y += height
		y += 10
	head = ('<svg xmlns="http://www.w3.org/2000/svg" width="860" height="%d" font-family="sans-serif" font-size="12">'
		'<rect width="100%%" height="100%%" fill="white"/><text x="%d" y="22" font-size="14">median wall time, crun = 1</text>' % (y + 10, left))
	return head + "\n".join(svg) + "</svg>\n"


text.append("# Measured\n")
text.append("`make bench` (tests/bench/run), %s, %s rounds of each, interleaved. The machine was shared with other work: wall times are worth "
	    "something only beside each other; CPU time (of the command and what it waited for), page faults and system calls hardly depend "
	    "on others.\n" % (datetime.date.today(), rounds))
text.append("\n".join("- " + " ".join(m) for m in lines("machine")) + "\n")
text.append("The floor (tests/bench/floor.c) makes the same container with the fewest system calls: it parses, checks, records and verifies "
	    "nothing. bubblewrap makes no cgroup, sysfs or masks.\n\n![](bench.svg)\n")
summary()
for case, title in CASES.items():
	if case in results:
		table("run: " + title, results[case])
for operation in OPERATIONS:
	if operation in results:
		table(operation.replace("--", " --"), results[operation])
rest()
report = "\n".join(text)
if out:
	os.makedirs(out, exist_ok=True)
	with open(os.path.join(out, "bench.md"), "w") as f:
		f.write(report)
	with open(os.path.join(out, "bench.svg"), "w") as f:
		f.write(bars())
print(report)
