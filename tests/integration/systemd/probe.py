"""What the unit's sandbox must forbid, tried from within; "outside" as an argument: that all of it is possible there,
so that the test can fail. Calls have arguments that do no harm where they are allowed."""

import ctypes
import errno
import mmap
import os
import socket
import sys

outside = sys.argv[1:] == ["outside"]
libc = ctypes.CDLL(None, use_errno=True)
failures = 0
NEW_USER = 0x10000000


def say(what, got, wanted):
    global failures
    right = got == wanted
    failures += not right
    print(f"{'as expected' if right else 'FAILED'}: {what}: {got!r}" + ("" if right else f", expected {wanted!r}"))


def forbidden(what, error, action):
    """`action` fails with `error` within the sandbox, and in another way or not at all outside."""
    try:
        action()
        got = "done"
    except OSError as e:
        got = errno.errorcode[e.errno]
    if outside:
        say(what + " (outside)", "forbidden" if got == error else "allowed", "allowed")
    else:
        say(what, got, error)


def call(name, *arguments):
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)


def in_child(action):
    """For what would change this process; the exit status is the error's number."""
    child = os.fork()
    if child == 0:
        try:
            action()
            os._exit(0)
        except OSError as e:
            os._exit(e.errno)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code != 0:
        raise OSError(code, "in a child")


def write(name):
    with open(name, "w") as f:
        f.write("a")
    os.remove(name)


def protect_executable():
    pages = mmap.mmap(-1, mmap.PAGESIZE)
    at = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    call("mprotect", ctypes.c_void_p(at), ctypes.c_size_t(mmap.PAGESIZE), mmap.PROT_READ | mmap.PROT_EXEC)


def set_user_id_bit():
    name = "/tmp/set-user-id"
    with open(name, "w"):
        pass
    try:
        os.chmod(name, 0o4755)
    finally:
        os.remove(name)


# The filter of system calls.
forbidden("mount", "EPERM", lambda: call("mount", b"/", b"/nowhere", b"", 0, None))
forbidden("umount", "EPERM", lambda: call("umount2", b"/nowhere", 0))
forbidden("chroot", "EPERM", lambda: call("chroot", b"/nowhere"))
forbidden("ptrace", "EPERM", lambda: in_child(lambda: call("ptrace", 0, 0, None, None)))
forbidden("clock_settime", "EPERM", lambda: call("clock_settime", 99, (ctypes.c_long * 2)()))
forbidden("init_module", "EPERM", lambda: call("init_module", None, 0, None))
forbidden("swapoff", "EPERM", lambda: call("swapoff", b"/nowhere"))
forbidden("sched_setscheduler", "EPERM", lambda: call("sched_setscheduler", 0, 99, None))
# Other restrictions, each a filter of its own.
forbidden("namespace", "EPERM", lambda: in_child(lambda: call("unshare", NEW_USER)))
forbidden("setns", "EPERM", lambda: call("setns", -1, 0))
forbidden("netlink", "EAFNOSUPPORT", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close())
forbidden("raw packets", "EAFNOSUPPORT", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close())
forbidden("personality", "EPERM", lambda: in_child(lambda: call("personality", 8)))
forbidden("set-user-id bit", "EPERM", set_user_id_bit)
forbidden("writable and executable memory", "EPERM", lambda: mmap.mmap(
    -1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close())
forbidden("executable memory", "EPERM", protect_executable)
# Files.
for folder in ("/etc", "/usr", "/", "/var/lib", "/srv", "/dev", "/etc/ai-log-filter/models"):
    forbidden("a file in " + folder, "EROFS", lambda folder=folder: write(os.path.join(folder, "probe")))
say("the state folder and /tmp", [write(folder + "/probe") for folder in ("/var/lib/ai-log-filter", "/tmp")], [None, None])
forbidden("settings of the kernel", "ENOENT", lambda: os.stat("/proc/sys/kernel"))
forbidden("another's process", "ENOENT", lambda: os.stat("/proc/1"))
# Who one is.
status = dict(line.rstrip("\n").split(":\t", 1) for line in open("/proc/self/status"))
say("filter", status["Seccomp"], "0" if outside else "2")
say("no new privileges", status["NoNewPrivs"], "0" if outside else "1")
for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
    say(name, int(status[name], 16) == 0, name == "CapAmb" or not outside)
say("root", os.getuid() == 0, outside)
sys.exit(failures > 0)
