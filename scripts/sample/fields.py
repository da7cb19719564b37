"""The variable parts of a log line: users, addresses, hosts, paths, hashes, counts, durations.

Every name is made up.  Addresses come from the ranges kept for documentation (RFC 5737, RFC 3849)
or for private networks; domains end in example.com, example.net or example.org.
"""

import hashlib
import uuid

FIRST = """alba arne bela bente carl cleo dario dora edda emil farid fiona gero greta hanna hugo ines
ivo jana jonas kaja kofi lena luis mara milan nadia noor olga omar paula piet quinn rafa rosa samir
sanne tara timo uma urso vera viktor wanda yara yusuf zoe zeno""".split()
LAST = """abel berg castro dorn ebner falk grau holt ibsen jansen keller lund moss novak okoro
petri quist roth silva thorne ungar vogel wirth xu young zander""".split()
ROLES = "web app db cache queue mail dns ldap build ci files proxy vpn fw core edge node worker api " \
        "auth log backup mon print stage desk lap kiosk pos".split()
SITES = "ams ber cph dub fra hel lis lon mad mil oslo par prg sto vie waw zrh".split()
SERVICES = "svc_backup svc_report svc_deploy svc_scan svc_sync svc_print svc_mon postgres oracle " \
           "mysql nginx tomcat jenkins ansible nagios www-data nobody daemon".split()
WEAK_USERS = "root admin administrator test guest oracle postgres ubuntu support pi ftpuser user " \
             "info backup sysadmin operator".split()
DOMAINS = "example.com example.net example.org corp.example.com intra.example.net " \
          "shop.example.org".split()
WORDS = "alpha amber birch cedar comet coral delta ember falcon fjord garnet harbor indigo jade " \
        "karst lagoon maple nickel onyx opal pearl quartz raven sable tundra umber violet willow " \
        "yarrow zinc".split()
EXTENSIONS = "txt log conf json xml csv dat tmp bak db sh py jar so docx xlsx pdf zip gz".split()
WIN_EXE = "explorer.exe svchost.exe chrome.exe outlook.exe teams.exe winword.exe excel.exe " \
          "notepad.exe setup.exe update.exe agent.exe msiexec.exe taskhostw.exe".split()
LINUX_DIRS = "/var/log /var/lib /etc /opt /srv /home /usr/local/bin /tmp /run /data /mnt/share".split()
PACKAGES = "com.example.billing com.example.orders org.example.gateway net.example.search " \
           "com.example.ledger org.example.auth".split()
CLASSES = "OrderService PaymentGateway SessionManager CacheLoader JobRunner QueueConsumer " \
          "UserRepository MailSender ReportBuilder TokenFilter BlockStore Scheduler " \
          "NodeManager ConnectionPool IndexWriter".split()
COUNTRIES = "Netherlands Norway Portugal Finland Chile Japan Kenya Canada Iceland Vietnam".split()
REGIONS = "eu-west-1 eu-central-1 us-east-1 us-west-2 ap-south-1 westeurope northeurope " \
          "europe-west4".split()
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class Fields:
    """Makes one value per field name; `make('ip')` and so on.  All chance comes from `rng`."""

    def __init__(self, rng):
        self.rng = rng
        self.makers = {name[6:]: getattr(self, name) for name in dir(self)
                       if name.startswith("field_")}

    def make(self, name):
        return self.makers[name]()

    def pick(self, items):
        return items[self.rng.randrange(len(items))]

    def number(self, low, high):
        return self.rng.randint(low, high)

    def digest(self, size):
        return hashlib.sha256(str(self.rng.random()).encode()).hexdigest()[:size]

    # people and machines
    def field_user(self):
        first, last = self.pick(FIRST), self.pick(LAST)
        form = self.number(0, 5)
        if form == 0:
            return self.pick(SERVICES)
        return [first, first[0] + last, first + "." + last, last + str(self.number(1, 99)),
                first + "_" + last][form - 1]

    def field_weakuser(self):
        return self.pick(WEAK_USERS)

    def field_svc(self):
        return self.pick(SERVICES)

    def field_host(self):
        return "%s-%s%02d" % (self.pick(SITES), self.pick(ROLES), self.number(1, 40))

    def field_winhost(self):
        return self.field_host().upper()

    def field_domain(self):
        return self.pick(DOMAINS)

    def field_fqdn(self):
        return self.field_host() + "." + self.pick(DOMAINS)

    def field_email(self):
        return "%s.%s@%s" % (self.pick(FIRST), self.pick(LAST), self.pick(DOMAINS))

    def field_word(self):
        return self.pick(WORDS)

    def field_words(self):
        return self.pick(WORDS) + "-" + self.pick(WORDS)

    def field_country(self):
        return self.pick(COUNTRIES)

    # network
    def field_ip(self):
        return self.field_iip() if self.rng.random() < 0.6 else self.field_eip()

    def field_iip(self):
        if self.rng.random() < 0.5:
            return "10.%d.%d.%d" % (self.number(0, 60), self.number(0, 255), self.number(1, 254))
        return "192.168.%d.%d" % (self.number(0, 40), self.number(1, 254))

    def field_eip(self):
        return "%s.%d" % (self.pick(["192.0.2", "198.51.100", "203.0.113"]), self.number(1, 254))

    def field_ip6(self):
        return "2001:db8:%x::%x" % (self.number(1, 65535), self.number(1, 65535))

    def field_net(self):
        return "10.%d.%d.0/24" % (self.number(0, 60), self.number(0, 255))

    def field_port(self):
        return str(self.number(1024, 65535))

    def field_lport(self):
        return str(self.pick([22, 25, 53, 80, 135, 139, 389, 443, 445, 993, 1433, 1521, 3306, 3389,
                              5432, 5985, 6379, 8080, 8443, 9200]))

    def field_mac(self):
        return "02:" + ":".join("%02x" % self.number(0, 255) for _ in range(5))

    def field_iface(self):
        return self.pick(["eth0", "eth1", "ens192", "bond0", "wlan0", "Gi0/%d" % self.number(1, 48),
                          "xe-0/0/%d" % self.number(0, 47), "vlan%d" % self.number(2, 900)])

    def field_vlan(self):
        return str(self.number(2, 900))

    def field_asn(self):
        return str(self.number(64496, 64511))

    def field_url(self):
        return self.pick(["/", "/index.html", "/login", "/api/v1/orders/%d" % self.number(1, 99999),
                          "/static/%s.css" % self.pick(WORDS), "/img/%s.png" % self.pick(WORDS),
                          "/account/settings", "/search?q=%s" % self.pick(WORDS), "/cart",
                          "/docs/%s/%s" % (self.pick(WORDS), self.pick(WORDS))])

    def field_link(self):
        return "https://%s%s" % (self.pick(DOMAINS), self.field_url())

    def field_agent(self):
        return self.pick(["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
                          "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0",
                          "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Safari/604.1",
                          "curl/8.5.0", "okhttp/4.12.0", "python-requests/2.32.3"])

    # files and processes
    def field_file(self):
        return self.pick(WORDS) + "." + self.pick(EXTENSIONS)

    def field_dir(self):
        return self.pick(LINUX_DIRS) + "/" + self.pick(WORDS)

    def field_path(self):
        return self.field_dir() + "/" + self.field_file()

    def field_winpath(self):
        return "C:\\%s\\%s\\%s" % (self.pick(["Users", "ProgramData", "Program Files", "Windows"]),
                                   self.pick(WORDS), self.pick(WIN_EXE))

    def field_exe(self):
        return self.pick(WIN_EXE)

    def field_pid(self):
        return str(self.number(200, 65000))

    def field_unit(self):
        return self.pick(WORDS) + self.pick([".service", ".timer", ".socket", "-agent.service"])

    def field_class(self):
        return self.pick(PACKAGES) + "." + self.pick(CLASSES)

    def field_thread(self):
        return self.pick(["main", "worker-%d", "http-nio-8080-exec-%d", "pool-2-thread-%d",
                          "scheduler-%d", "ForkJoinPool-1-worker-%d"]).replace(
                              "%d", str(self.number(1, 32)))

    def field_dev(self):
        return self.pick(["sda", "sdb", "sdc", "nvme0n1", "nvme1n1", "dm-3", "md0"])

    def field_version(self):
        return "%d.%d.%d" % (self.number(0, 9), self.number(0, 30), self.number(0, 40))

    # identifiers
    def field_md5(self):
        return self.digest(32)

    def field_sha1(self):
        return self.digest(40)

    def field_sha256(self):
        return self.digest(64)

    def field_id(self):
        return self.digest(self.pick([8, 12, 16]))

    def field_uuid(self):
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def field_hex(self):
        return "0x" + self.digest(self.pick([4, 8, 12, 16])).lstrip("0")

    def field_sid(self):
        return "S-1-5-21-%d-%d-%d-%d" % (self.number(10**8, 10**9), self.number(10**8, 10**9),
                                        self.number(10**8, 10**9), self.number(500, 9999))

    def field_acct(self):
        return str(self.number(10**11, 10**12 - 1))

    def field_region(self):
        return self.pick(REGIONS)

    def field_cve(self):
        return "CVE-%d-%d" % (self.number(2017, 2025), self.number(1000, 49999))

    def field_pod(self):
        return "%s-%s-%s" % (self.pick(WORDS), self.digest(9), self.digest(5))

    def field_ns(self):
        return self.pick(["default", "kube-system", "payments", "shop", "monitoring", "ingress"])

    def field_image(self):
        return "registry.example.com/%s/%s:%s" % (self.pick(WORDS), self.pick(WORDS),
                                                  self.field_version())

    def field_db(self):
        return self.pick(["orders", "ledger", "crm", "inventory", "hr", "analytics", "sessions"])

    def field_table(self):
        return self.pick(["customers", "payments", "invoices", "events", "accounts", "audit_trail",
                          "cards", "employees", "stock"])

    def field_order(self):
        return "ORD-%d" % self.number(10000, 9999999)

    # quantities and time
    def field_d(self):
        return str(self.number(1, 9))

    def field_n(self):
        return str(self.pick([self.number(2, 20), self.number(10, 999), self.number(100, 99999)]))

    def field_big(self):
        return str(self.number(100000, 99999999999))

    def field_pct(self):
        return str(self.number(1, 60))

    def field_highpct(self):
        return str(self.number(85, 100))

    def field_ms(self):
        return str(self.pick([self.number(1, 90), self.number(10, 4000)]))

    def field_secs(self):
        return "%d.%03d" % (self.number(0, 90), self.number(0, 999))

    def field_size(self):
        return "%d%s" % (self.number(1, 999), self.pick(["KB", "MB", "GB", " KiB", " MiB", "M"]))

    def field_epoch(self):
        return "%d.%03d" % (self.number(1735700000, 1767200000), self.number(0, 999))

    def field_ts(self):
        return "%s %s" % (self.field_date(), self.field_time())

    def field_date(self):
        return "2025-%02d-%02d" % (self.number(1, 12), self.number(1, 28))

    def field_time(self):
        return "%02d:%02d:%02d" % (self.number(0, 23), self.number(0, 59), self.number(0, 59))

    def field_bsdtime(self):
        return "%s %2d %s" % (self.pick(MONTHS), self.number(1, 28), self.field_time())

    def field_clf(self):
        return "%02d/%s/2025:%s +0000" % (self.number(1, 28), self.pick(MONTHS), self.field_time())
