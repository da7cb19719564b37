#!/usr/bin/env python3
"""Writes examples/logs/: small logs in several formats, with attacks hidden in everyday lines.

Everyday lines come from the templates of the sample data (routine and noise), the attacks from
sample/stories.py; times run through each file.  The same files come out on every run.

    make_example_logs.py [--output examples/logs]
"""

import argparse
import csv
import datetime
import io
import json
import pathlib
import random

from sample import stories
from sample.fields import Fields, MONTHS
from sample.formats import Formatter
from sample.templates import read_templates

ROOT = pathlib.Path(__file__).resolve().parent.parent
START = datetime.datetime(2025, 3, 11, 8, 0, 0)


class Writer:
    """Everyday lines and times of one file."""

    def __init__(self, name):
        self.rng = random.Random(name)
        self.fields = Fields(self.rng)
        self.formatter = Formatter(self.fields)
        self.time = START
        self.templates = read_templates()

    def tick(self):
        self.time += datetime.timedelta(seconds=self.rng.randint(1, 90))
        return self.time

    def everyday(self, programs):
        """A routine or noise template of one of the programs, filled in."""
        label = "routine" if self.rng.random() < 0.55 else "noise"
        chosen = [t for t in self.templates if t.program in programs and t.label == label]
        template = self.rng.choice(chosen)
        return template, template.fill(self.fields)

    def syslog_time(self):
        return "%s %2d %s" % (MONTHS[self.time.month - 1], self.time.day,
                              self.time.strftime("%H:%M:%S"))

    def iso_time(self):
        return self.time.strftime("%Y-%m-%dT%H:%M:%SZ")

    def clf_time(self):
        return self.time.strftime("%d/") + MONTHS[self.time.month - 1] + self.time.strftime(
            "/%Y:%H:%M:%S +0000")


def told(story, count):
    """Yields, for each of `count` lines, the story line that stands there, or None."""
    places = {}
    for position, line in story:
        at = int(position * count)
        while at in places:
            at += 1
        places[at] = line
    for at in range(count):
        yield places.get(at)


def mixed(count=180):
    w = Writer("mixed.log")
    programs = {"sshd", "pam", "CRON", "systemd", "kernel", "dhcpd", "named", "postfix", "ntpd"}
    hosts = ["ams-jump01", "fra-db04", "ams-web02", "fra-dns01"]
    for line in told(stories.MIXED, count):
        w.tick()
        if line is None:
            template, text = w.everyday(programs)
            form = w.rng.random()
            host, pid = w.rng.choice(hosts), w.fields.field_pid()
            if form < 0.15:
                line = "%s INFO %s" % (w.time.strftime("%Y-%m-%d %H:%M:%S"), text)
            elif form < 0.35:
                line = "<%d>1 %s %s.example.com %s %s - - %s" % (
                    w.formatter.priority(template), w.iso_time(), host, template.program, pid, text)
            else:
                head = "<%d>" % w.formatter.priority(template) if form < 0.55 else ""
                tag = template.program if template.program == "kernel" else "%s[%s]" % (
                    template.program, pid)
                line = "%s%s %s %s: %s" % (head, w.syslog_time(), host, tag, text)
        yield line.replace("@T", w.syslog_time())


def firewall(count=120):
    w = Writer("firewall.cef")
    for line in told(stories.FIREWALL, count):
        w.tick()
        head = "<134>%s edge-fw01 CEF:0|Northgate|Perimeter|4.2|%d" % (
            w.syslog_time(), w.rng.randint(100, 400))
        if line is None:
            text = w.everyday({"firewall"})[1].replace("|", "\\|")
            line = "@H|%s|%d|src=%s dst=%s spt=%s dpt=%s act=allowed" % (
                text, w.rng.randint(0, 3), w.fields.field_iip(), w.fields.field_ip(),
                w.fields.field_port(), w.fields.field_lport())
        yield line.replace("@H", head)


def ids(count=80):
    w = Writer("ids.leef")
    for line in told(stories.IDS, count):
        w.tick()
        head = "<13>%s sensor02 LEEF:2.0|Kestrel Labs|NetSensor|3.1" % w.syslog_time()
        if line is None:
            text = w.everyday({"ids"})[1].replace("^", " ")
            line = "@H|Info|src=%s^dst=%s^sev=1^msg=%s" % (
                w.fields.field_iip(), w.fields.field_ip(), text)
        # The sixth header field names the delimiter of the pairs.
        prefix, event, pairs = line.split("|", 2)
        yield "%s|%s|^|%s" % (prefix.replace("@H", head), event, pairs)


def cloud(count=100):
    w = Writer("cloud.ndjson")
    for line in told(stories.CLOUD, count):
        w.tick()
        body = {"eventVersion": "1.08", "eventTime": w.iso_time(), "awsRegion": "eu-central-1",
                "sourceIPAddress": w.fields.field_iip(), "recipientAccountId": "111122223333"}
        body.update(w.formatter.cloud_pairs(w.everyday({"aws"})[1]) if line is None else line)
        body["eventID"] = w.fields.field_uuid()
        yield json.dumps(body, separators=(",", ":"))


def app(count=120):
    w = Writer("app.csv")
    yield "timestamp,host,application,level,message"
    for line in told(stories.APP, count):
        w.tick()
        if line is None:
            template, text = w.everyday({"shop", "payments", "app", "bean"})
            name = {"app": "orders", "bean": "orders"}.get(template.program, template.program)
            level = "INFO" if template.label == "routine" else w.rng.choice(["DEBUG", "INFO"])
            line = (name, level, text)
        out = io.StringIO()
        csv.writer(out, lineterminator="").writerow(
            [w.iso_time(), "%s-%02d.example.com" % (line[0], w.rng.randint(1, 3)), *line])
        yield out.getvalue()


def windows(count=120):
    w = Writer("windows.ndjson")
    channels = {"Security", "System", "Microsoft-Windows-Sysmon/Operational", "Application",
                "Microsoft-Windows-PowerShell/Operational"}
    computers = ["FRA-DESK07", "FRA-DESK12", "FRA-FILES02", "FRA-DC01"]
    for line in told(stories.WINDOWS, count):
        w.tick()
        if line is None:
            template, text = w.everyday(channels)
            event, _, rest = text.partition(" ")
            line = (int(event), template.program, w.rng.choice(computers), rest)
        yield json.dumps({"TimeCreated": w.iso_time(), "EventID": line[0], "Channel": line[1],
                          "Computer": line[2] + ".corp.example.com", "message": line[3]})


def web(count=160):
    w = Writer("web-access.log")
    for line in told(stories.WEB, count):
        w.tick()
        if line is None:
            text = w.everyday({"access"})[1]
            before, _, rest = text.partition("[")
            line = before + "[@T]" + rest.partition("]")[2]
        yield line.replace("@T", w.clf_time())


FILES = {"mixed.log": mixed, "firewall.cef": firewall, "ids.leef": ids, "cloud.ndjson": cloud,
         "app.csv": app, "windows.ndjson": windows, "web-access.log": web}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "examples" / "logs")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    for name, lines in FILES.items():
        text = "".join(line + "\n" for line in lines())
        (args.output / name).write_text(text, encoding="utf-8")
        print("%s: %d lines" % (name, text.count("\n")))


if __name__ == "__main__":
    main()
