"""What hostile builds reach for. Each probe reaches it outside, and does not inside.

A probe is a program that prints REACHED, or the name of the error that it met. What needs a
privilege has it outside by a user namespace of its own.
"""

import os
import shutil
import socketserver
import subprocess
import threading
from pathlib import Path

import pyseccomp
import pytest

from builds.executors.base import INDEX_PORT, Mount
from builds.executors.seccomp import FORBIDDEN
from tests.builds.executors.conftest import IS_ROOT, PYTHON, Sandbox

pytestmark = pytest.mark.sandbox

PROBE = """
import ctypes, errno, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def called(result):
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
def connect(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as client:
        client.settimeout(3)
        client.connect(address)
        client.send(b"?")
        client.recv(1)
try:
    {body}
    print("REACHED")
except socket.gaierror:
    print("EAI")
except OSError as error:
    print(errno.errorcode.get(error.errno, repr(error)))
"""
WITH_PRIVILEGES = ("unshare", "--user", "--map-root-user", "--mount")


def probe(body):
    return PROBE.format(body=body.strip().replace("\n", "\n    "))


def outside(body, *prefix):
    """What the same probe meets without a sandbox: whether it can succeed at all."""
    return subprocess.run(
        [*prefix, PYTHON, "-I", "-S", "-c", probe(body)],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    ).stdout.strip()


@pytest.fixture
def hierarchy():
    """How limits are watched changes nothing about walls."""


@pytest.fixture
def inside(sandbox):
    return lambda body, **options: sandbox.python(probe(body), **options).text.strip()


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(self.request.recv(1))


class EchoDatagram(socketserver.BaseRequestHandler):
    def handle(self):
        self.request[1].sendto(b"!", self.client_address)


def serving(server):
    """Run the server until the test is over."""
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_address
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def host_service():
    yield from serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo))


@pytest.fixture
def host_datagrams():
    yield from serving(socketserver.ThreadingUDPServer(("127.0.0.1", 0), EchoDatagram))


@pytest.fixture
def abstract_service():
    name = f"\0affineur-test-{os.getpid()}"
    yield from serving(socketserver.ThreadingUnixStreamServer(name, Echo))


@pytest.fixture
def unix_service(open_folder):
    path = open_folder / "service.sock"
    server = socketserver.ThreadingUnixStreamServer(str(path), Echo)
    path.chmod(0o777)
    yield from map(Path, serving(server))


# The network

ADDRESSES = ("1.1.1.1", "169.254.169.254", "10.0.0.1", "172.17.0.1", "192.168.1.1")


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_can_be_reached(inside, host_service, address):
    host, port = host_service

    assert outside(f"connect(socket.AF_INET, ({host!r}, {port}))") == "REACHED"
    assert inside(f"connect(socket.AF_INET, ({address!r}, 80))") == "ENETUNREACH"


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_can_be_reached_beside_the_index(inside, unix_service, address):
    index = f"connect(socket.AF_INET, ('127.0.0.1', {INDEX_PORT}))"
    other = f"connect(socket.AF_INET, ({address!r}, 80))"

    assert inside(index, index_socket=unix_service) == "REACHED"
    assert inside(other, index_socket=unix_service) == "ENETUNREACH"


def test_no_name_is_resolved(inside, host_datagrams):
    host, port = host_datagrams
    ask = "connect(socket.AF_INET, ({!r}, {}), socket.SOCK_DGRAM)"

    assert outside(ask.format(host, port)) == "REACHED"
    assert inside(ask.format("1.1.1.1", 53)) == "ENETUNREACH"
    assert inside(ask.format("127.0.0.53", 53)) == "ECONNREFUSED"
    assert outside("socket.getaddrinfo('localhost', 80)") == "REACHED"
    assert inside("socket.getaddrinfo('example.org', 80)") == "EAI"


def test_loopback_is_not_the_hosts(inside, host_service, unix_service):
    reach = f"connect(socket.AF_INET, ('127.0.0.1', {host_service[1]}))"

    assert outside(reach) == "REACHED"
    assert inside(reach) == "ECONNREFUSED"
    assert inside(reach, index_socket=unix_service) == "ECONNREFUSED"


def test_abstract_sockets_are_not_the_hosts(inside, abstract_service):
    reach = f"connect(socket.AF_UNIX, {abstract_service!r})"

    assert outside(reach) == "REACHED"
    assert inside(reach) == "ECONNREFUSED"


def test_there_is_no_index_unless_it_is_given(inside):
    assert inside(f"connect(socket.AF_INET, ('127.0.0.1', {INDEX_PORT}))") == "ECONNREFUSED"


@pytest.mark.parametrize("family", ["AF_NETLINK", "AF_PACKET", "AF_VSOCK"])
def test_sockets_of_other_kinds_cannot_be_made(inside, family):
    make = f"socket.socket(socket.{family}, socket.SOCK_RAW).close()"

    assert outside(make) != "EAFNOSUPPORT"
    assert inside(make) == "EAFNOSUPPORT"


# The host's files


@pytest.fixture
def host_files(open_folder):
    """A broker's socket, a database, a key: open to everybody but the sandbox."""
    folder = open_folder / "portal"
    folder.mkdir()
    for name in ("portal.sqlite3", "signing.key"):
        (folder / name).write_text("secret")
        (folder / name).chmod(0o644)
    return folder


@pytest.mark.parametrize("name", ["portal.sqlite3", "signing.key"])
def test_files_of_the_host_are_not_there(inside, host_files, name):
    read = f"open({str(host_files / name)!r}).read()"

    assert outside(read) == "REACHED"
    assert inside(read) == "ENOENT"


def test_the_brokers_socket_is_not_there(inside, unix_service):
    reach = f"connect(socket.AF_UNIX, {str(unix_service)!r})"

    assert outside(reach) == "REACHED"
    assert inside(reach) == "ENOENT"
    assert inside(reach, index_socket=unix_service) == "ENOENT"


def test_another_slots_work_is_not_there(inside, sandbox, open_folder):
    other = Sandbox(open_folder / "builder", hierarchy=None, slot=1)
    other.shell("echo mine > /build/theirs")
    read = f"open({str(other.work / 'theirs')!r}).read()"

    assert outside(read) == "REACHED"
    assert inside(read) == "ENOENT"
    assert inside("open('/build/theirs').read()") == "ENOENT"
    assert sandbox.work != other.work


@pytest.mark.parametrize(
    "path", ["/usr/affineur", "/usr/bin/affineur", "/etc/affineur", "/affineur", "/dev/affineur"]
)
def test_the_system_cannot_be_written(inside, host_files, path):
    write = "open({!r}, 'a').write('x')"

    assert outside(write.format(str(host_files / "mine"))) == "REACHED"
    assert inside(write.format("/build/mine")) == "REACHED"
    assert inside(write.format(path)) == "EROFS"


def test_what_is_shown_is_read_only_unless_it_says_so(inside, host_files):
    host_files.chmod(0o777)
    shown = Mount(host_files, Path("/shown"))
    writable = Mount(host_files, Path("/shown"), writable=True)
    write = "open('/shown/new', 'a').write('x')"

    assert inside("open('/shown/signing.key').read()", mounts=[shown]) == "REACHED"
    assert inside(write, mounts=[shown]) == "EROFS"
    assert inside(write, mounts=[writable]) == "REACHED"


def test_a_link_out_of_the_work_folder_leads_nowhere(inside, sandbox, host_files):
    (sandbox.work / "link").symlink_to(host_files / "signing.key")

    assert outside(f"open({str(sandbox.work / 'link')!r}).read()") == "REACHED"
    assert inside("open('/build/link').read()") == "ENOENT"


@pytest.mark.parametrize("path", ["/dev/kmsg", "/sys/fs/cgroup", "/dev/fuse", "/dev/mem"])
def test_the_machines_own_files_are_not_there(inside, path):
    look = "called(libc.access({!r}, 0))"

    assert outside(look.format(b"/proc/self/status")) == "REACHED"
    assert inside(look.format(os.fsencode(path))) == "ENOENT"


def test_devices_are_the_harmless_ones(sandbox):
    code = """
import os, stat
for folder, _, names in os.walk("/dev"):
    for name in names:
        mode = os.lstat(os.path.join(folder, name)).st_mode
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            print(name)
"""
    names = sandbox.python(code).text.split()

    assert sorted(names) == ["full", "null", "ptmx", "random", "tty", "urandom", "zero"]


def test_settings_of_the_kernel_cannot_be_written(inside, host_files):
    write = "open({!r}, 'w')"

    assert outside(write.format(str(host_files / "mine"))) == "REACHED"
    assert inside(write.format("/proc/sys/kernel/core_pattern")) in {"EROFS", "EACCES"}


# The host's processes


@pytest.fixture
def host_process():
    secret = f"affineur-secret-{os.getpid()}"
    with subprocess.Popen(["/bin/sleep", "60"], env={"KEY": secret}) as process:
        yield process.pid, secret
        process.kill()


def test_processes_of_the_host_are_not_there(inside, host_process):
    pid, secret = host_process
    look = f"""
found = []
for name in filter(str.isdigit, os.listdir("/proc")):
    try:
        found.append(open(f"/proc/{{name}}/environ").read())
    except OSError:
        pass
if not any({secret!r} in text for text in found):
    raise OSError(2, "")
"""

    assert outside(look) == "REACHED"
    assert inside(look) == "ENOENT"
    assert outside(f"os.kill({pid}, 0)") == "REACHED"
    assert inside(f"os.kill({pid}, 0)") == "ESRCH"


def test_the_sandbox_sees_its_own_processes_only(sandbox, unix_service):
    names = sandbox.shell(
        "for p in /proc/[0-9]*; do cat $p/comm; done", index_socket=unix_service
    ).text.split()

    assert set(names) - {"cat"} == {"bwrap", "sh"}


def test_no_descriptor_is_inherited(sandbox):
    listed = sandbox.python("import os; print(os.listdir('/proc/self/fd'))").text.strip()

    assert listed == "['0', '1', '2', '3']"  # the last is the listing's own


def test_the_environment_is_exactly_the_commands(sandbox):
    result = sandbox.run(["/usr/bin/env"], environment={"ONE": "1"})

    names = {line.partition("=")[0] for line in result.text.splitlines()}
    assert names == {"PATH", "ONE", "PWD", sandbox.mark.partition("=")[0]}


# The kernel

TRACE_ME = "called(libc.ptrace(0, 0, 0, 0))"
MOUNT = "called(libc.mount(b'tmpfs', b'/tmp', b'tmpfs', 0, None))"
NEW_USER = "called(libc.unshare(0x10000000))"
NEW_NETWORK = "called(libc.unshare(0x40000000))"
CHROOT = "called(libc.chroot(b'/tmp'))"
TYPE_INTO_TERMINAL = """
import fcntl
child, _ = os.forkpty()
if child == 0:
    try:
        fcntl.ioctl(0, 0x5412, b"x")
    except OSError as error:
        os._exit(error.errno)
    os._exit(0)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
if code:
    raise OSError(code, "")
"""


@pytest.mark.parametrize("attempt", [TRACE_ME, NEW_USER, MOUNT, CHROOT, NEW_NETWORK])
def test_privileged_calls_are_refused(inside, attempt):
    assert outside(attempt, *WITH_PRIVILEGES) == "REACHED"
    assert inside(attempt) == "EPERM"


def test_a_process_cannot_be_cloned_into_namespaces(inside):
    number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, "clone")
    clone = f"""
child = called(libc.syscall({number}, 0x10000000 | 17, 0, 0, 0, 0))
if child == 0:
    os._exit(0)
"""

    assert outside(clone) == "REACHED"
    assert inside(clone) == "EPERM"


def test_clone3_is_not_there_so_that_its_flags_can_be_seen(inside):
    number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, "clone3")
    call = f"called(libc.syscall({number}, 0, 0))"

    assert outside(call) == "EINVAL"
    assert inside(call) == "ENOSYS"


def test_reservations_of_disk_are_refused_and_programs_do_without(inside):
    number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, "fallocate")
    call = f"called(libc.syscall({number}, os.open('f', os.O_CREAT | os.O_RDWR), 0, 0, 4096))"

    assert outside(f"os.chdir('/tmp')\n{call}\nos.unlink('f')") == "REACHED"
    assert inside(call) == "ENOTSUP"
    assert inside("os.posix_fallocate(os.open('g', os.O_CREAT | os.O_RDWR), 0, 4096)") == "REACHED"


@pytest.mark.parametrize("name", ["keyctl", "io_uring_setup", "bpf", "userfaultfd", "kcmp"])
def test_the_filter_refuses_what_a_plain_user_may_try(inside, name):
    number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
    call = f"called(libc.syscall({number}, 255, 0, 0, 0, 0, 0))"

    assert outside(call, *WITH_PRIVILEGES) != "EPERM"
    assert inside(call) == "EPERM"


def test_all_that_the_filter_names_is_refused(sandbox):
    numbers = {
        name: number
        for name in FORBIDDEN
        if (number := pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)) >= 0
    }
    code = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for name, number in {numbers!r}.items():
    ctypes.set_errno(0)
    libc.syscall(number, 0, 0, 0, 0, 0, 0)
    print(name, ctypes.get_errno())
"""
    errors = dict(line.split() for line in sandbox.python(code).text.splitlines())

    assert errors == dict.fromkeys(numbers, "1")


def test_the_terminal_of_the_builder_cannot_be_typed_into(inside):
    assert outside(TYPE_INTO_TERMINAL) != "EPERM"
    assert inside(TYPE_INTO_TERMINAL) == "EPERM"
    assert inside("os.close(os.open('/dev/tty', os.O_RDWR))") == "ENXIO"


def test_there_is_no_capability_and_none_to_gain(sandbox):
    status = sandbox.shell("cat /proc/self/status").text
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)

    assert {facts[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {
        "0000000000000000"
    }
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")


@pytest.mark.skipif(not IS_ROOT, reason="only root can make a program that is setuid root")
def test_setuid_programs_gain_nothing(sandbox, open_folder):
    folder = open_folder / "setuid"
    folder.mkdir()
    program = folder / "id"
    shutil.copy("/usr/bin/id", program)
    program.chmod(0o4755)
    as_nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    seen = subprocess.run([*as_nobody, program, "-u"], capture_output=True, text=True, check=True)

    assert seen.stdout == "0\n"
    shown = Mount(folder, Path("/setuid"))
    assert sandbox.run(["/setuid/id", "-u"], mounts=[shown]).text == "1000\n"


@pytest.mark.skipif(not IS_ROOT, reason="an ordinary user's sandbox has that user's own number")
def test_the_command_is_a_user_of_its_own_to_the_host(sandbox):
    sandbox.shell("touch /build/made")

    assert (sandbox.work / "made").stat().st_uid == sandbox.uid
