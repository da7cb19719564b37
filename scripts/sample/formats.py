"""Line formats: each takes a filled-in text and returns the line a program of that kind writes.

Severities follow the label only loosely, as they do in real systems.
"""

import json

LEVELS = {
    "critical": ["CRITICAL", "ERROR", "ALERT", "FATAL", "WARN", "WARNING", "INFO", "SEVERE"],
    "suspicious": ["WARN", "WARNING", "ERROR", "WARN", "ERROR", "NOTICE", "INFO"],
    "routine": ["INFO", "INFO", "INFO", "NOTICE", "INFO", "WARN"],
    "noise": ["DEBUG", "INFO", "TRACE", "INFO", "DEBUG", "INFO"],
}
PRIORITIES = {"critical": [1, 2, 3, 4, 6], "suspicious": [3, 4, 5, 6], "routine": [5, 6, 6],
              "noise": [6, 7, 7]}
CEF_SEVERITY = {"critical": (6, 10), "suspicious": (3, 8), "routine": (1, 5), "noise": (0, 3)}
VENDORS = [("Northgate", "Perimeter"), ("Halden", "EdgeGuard"), ("Brightmoor", "Sentinel Proxy"),
           ("Kestrel Labs", "NetSensor"), ("Osterby", "TrustGate")]


class Formatter:
    """Wraps texts; `wrap(format, template, text)`."""

    def __init__(self, fields):
        self.fields = fields

    def wrap(self, name, template, text):
        return getattr(self, "format_" + name)(template, text)

    def level(self, template):
        return self.fields.pick(LEVELS[template.label])

    def priority(self, template):
        facility = self.fields.pick([0, 1, 3, 4, 10, 16, 20])
        return facility * 8 + self.fields.pick(PRIORITIES[template.label])

    def stamp(self):
        f = self.fields
        return f.field_date() + "T" + f.field_time() + f.pick(["Z", ".%03dZ" % f.number(0, 999),
                                                              "+00:00", "+02:00"])

    def severity(self, template):
        return self.fields.number(*CEF_SEVERITY[template.label])

    # text
    def format_raw(self, template, text):
        return text

    def format_plain(self, template, text):
        f = self.fields
        level, program = self.level(template), template.program
        return f.pick([
            "%s %s %s" % (f.field_ts(), level, text),
            "[%s] %s %s: %s" % (f.field_ts(), level.lower(), program, text),
            "%s: %s" % (level, text),
            "%s [%s] %s" % (self.stamp(), level, text),
            "%s" % text,
        ])

    def format_bsd(self, template, text):
        f = self.fields
        head = "<%d>" % self.priority(template) if f.rng.random() < 0.4 else ""
        pid = "[%s]" % f.field_pid() if f.rng.random() < 0.8 else ""
        return "%s%s %s %s%s: %s" % (head, f.field_bsdtime(), f.field_host(), template.program, pid,
                                     text)

    def format_rfc5424(self, template, text):
        f = self.fields
        data = f.pick(["-", "-", '[meta@32473 site="%s"]' % f.field_word()])
        return "<%d>1 %s %s %s %s - %s %s" % (self.priority(template), self.stamp(), f.field_fqdn(),
                                              template.program, f.field_pid(), data, text)

    def format_kernel(self, template, text):
        f = self.fields
        return "%s %s kernel: [%5d.%06d] %s" % (f.field_bsdtime(), f.field_host(),
                                                f.number(1, 99999), f.number(0, 999999), text)

    def format_java(self, template, text):
        f = self.fields
        return f.pick([
            "%s,%03d %-5s [%s] %s: %s", "%s.%03d %s [%s] %s - %s",
        ]) % (f.field_ts(), f.number(0, 999), self.level(template), f.field_thread(),
              f.field_class(), text)

    def format_klog(self, template, text):
        f = self.fields
        letter = self.level(template)[0]
        letter = letter if letter in "IWEF" else ("I" if template.label in ("routine", "noise")
                                                  else "E")
        return "%s%02d%02d %s.%06d %7d %s.go:%d] %s" % (
            letter, f.number(1, 12), f.number(1, 28), f.field_time(), f.number(0, 999999),
            f.number(1, 99999), f.pick(["controller", "server", "manager", "sync", "reflector"]),
            f.number(20, 999), text)

    def format_postgres(self, template, text):
        f = self.fields
        word, _, rest = text.partition(" ")
        return "%s.%03d UTC [%s] %s@%s %s:  %s" % (f.field_ts(), f.number(0, 999), f.field_pid(),
                                                   f.field_user(), f.field_db(), word, rest)

    def format_mysql(self, template, text):
        f = self.fields
        kind = {"critical": "ERROR", "suspicious": "Warning"}.get(template.label, "Note")
        if f.rng.random() < 0.2:
            kind = f.pick(["ERROR", "Warning", "System", "Note"])
        return "%sT%s.%06dZ %d [%s] [MY-%06d] [Server] %s" % (
            f.field_date(), f.field_time(), f.number(0, 999999), f.number(0, 900), kind,
            f.number(10000, 14000), text)

    # structured
    def format_json(self, template, text):
        f = self.fields
        body = {"timestamp": self.stamp(), "level": self.level(template).lower(),
                "service": template.program, "host": f.field_host(), "message": text}
        if f.rng.random() < 0.4:
            body["trace_id"] = f.digest(16)
        if f.rng.random() < 0.3:
            body["user"] = f.field_user()
        if f.rng.random() < 0.3:
            body = {"@timestamp": body.pop("timestamp"), "log.level": body.pop("level"), **body}
        return json.dumps(body, separators=f.pick([(",", ":"), (", ", ": ")]))

    def format_kv(self, template, text):
        f = self.fields
        return f.pick(['ts=%s level=%s host=%s app=%s msg="%s"',
                       'time="%s" severity=%s node=%s component=%s message="%s"']) % (
            self.stamp(), self.level(template).lower(), f.field_host(), template.program,
            text.replace('"', "'"))

    def format_csv(self, template, text):
        f = self.fields
        return '%s,%s,%s,%s,"%s"' % (f.field_ts(), f.field_host(), template.program,
                                     self.level(template), text.replace('"', '""'))

    def format_cef(self, template, text):
        f = self.fields
        vendor, product = f.pick(VENDORS)
        name = text.replace("\\", "\\\\").replace("|", "\\|")
        line = "CEF:0|%s|%s|%s|%d|%s|%d|src=%s dst=%s spt=%s dpt=%s proto=%s" % (
            vendor, product, f.field_version(), f.number(100, 9999), name, self.severity(template),
            f.field_ip(), f.field_ip(), f.field_port(), f.field_lport(), f.pick(["TCP", "UDP"]))
        if f.rng.random() < 0.4:
            line += " suser=" + f.field_user()
        if f.rng.random() < 0.4:
            return "<%d>%s %s %s" % (self.priority(template), f.field_bsdtime(), f.field_host(), line)
        return line

    def format_leef(self, template, text):
        f = self.fields
        vendor, product = f.pick(VENDORS)
        pairs = ["devTime=" + f.field_ts(), "src=" + f.field_ip(), "dst=" + f.field_ip(),
                 "sev=%d" % max(1, self.severity(template)), "usrName=" + f.field_user(),
                 "msg=" + text]
        head = f.pick(["LEEF:1.0|%s|%s|%s|%s|", "LEEF:2.0|%s|%s|%s|%s|^|"])
        mark = "^" if head.endswith("^|") else "\t"
        return head % (vendor, product, f.field_version(), template.program) + mark.join(pairs)

    def format_winjson(self, template, text):
        """The text begins with the event id."""
        f = self.fields
        event, _, rest = text.partition(" ")
        body = {"EventID": int(event), "Channel": template.program,
                "Computer": f.field_winhost() + ".corp.example.com",
                "TimeCreated": self.stamp(), "Message": rest}
        if f.rng.random() < 0.5:
            body["SubjectUserName"] = f.field_user()
        if f.rng.random() < 0.3:
            body["SubjectUserSid"] = f.field_sid()
        return json.dumps(body, separators=(",", ":"))

    def format_wintext(self, template, text):
        f = self.fields
        event, _, rest = text.partition(" ")
        return f.pick(["%s %s EventID=%s Channel=%s Message=%s",
                       "%s %s MSWinEventLog %s %s %s"]) % (
            f.field_bsdtime(), f.field_winhost(), event, template.program, rest)

    def cloud_pairs(self, text):
        body = {}
        for pair in text.split(" ; "):
            key, _, value = pair.partition("=")
            at = body
            *outer, last = key.strip().split(".")
            for part in outer:
                at = at.setdefault(part, {})
            at[last] = value.strip()
        return body

    def format_aws(self, template, text):
        f = self.fields
        body = {"eventVersion": "1.08", "eventTime": f.field_date() + "T" + f.field_time() + "Z",
                "awsRegion": f.field_region(), "sourceIPAddress": f.field_ip(),
                "recipientAccountId": f.field_acct()}
        body.update(self.cloud_pairs(text))
        body["eventID"] = f.field_uuid()
        return json.dumps(body, separators=(",", ":"))

    def format_azure(self, template, text):
        f = self.fields
        body = {"time": f.field_date() + "T" + f.field_time() + "Z", "tenantId": f.field_uuid(),
                "callerIpAddress": f.field_ip(), "level": self.level(template).capitalize()}
        body.update(self.cloud_pairs(text))
        body["correlationId"] = f.field_uuid()
        return json.dumps(body, separators=(",", ":"))

    def format_gcp(self, template, text):
        f = self.fields
        payload = {"authenticationInfo": {"principalEmail": f.field_email()},
                   "requestMetadata": {"callerIp": f.field_ip()}}
        payload.update(self.cloud_pairs(text))
        body = {"insertId": f.field_id(), "protoPayload": payload,
                "severity": self.level(template), "timestamp": self.stamp(),
                "logName": "projects/%s/logs/audit" % f.field_words()}
        return json.dumps(body, separators=(",", ":"))
