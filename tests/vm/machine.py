"""A virtual machine of this system's own files, under another kernel and its own control groups.

QEMU boots the kernel that `deploy/bootstrap vm` has fetched, shows it the root of this machine
read-only through 9p, and runs `tests.vm.inside` as its first process. It has two processors, which
are emulated so that it runs wherever QEMU does, no network and no disk.
"""

import lzma
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SYSTEM = CHECKOUT / "var" / "vm"
"""A kernel, its modules and a static busybox, as Debian's packages have them."""
MODULES = (
    *("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci"),
    *("netfs", "fscache", "9pnet", "9pnet_virtio", "9p"),
)
"""What it takes to reach the root, each after those that it needs."""
QEMU = "qemu-system-x86_64"
MEMORY = "2G"
INIT = """\
#!/bin/busybox sh
export PATH=/bin
for module in /modules/*; do insmod "$module"; done
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose host /host
mount -t proc proc /host/proc
mount -t sysfs sysfs /host/sys
mount -t devtmpfs devtmpfs /host/dev
export PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin PYTHONPATH={checkout}
exec switch_root /host {python} -B -m tests.vm.inside </host/dev/console >/host/dev/console 2>&1
"""


def missing() -> str:
    """What this machine lacks to run another; empty when it lacks nothing."""
    lacks = [tool for tool in (QEMU, "bwrap") if shutil.which(tool) is None]
    if not SYSTEM.is_dir():
        lacks.append("a kernel in var/vm")
    return ", ".join(lacks)


def boot(folder: Path, seconds: float) -> str:
    """Start the machine, and give what it has said when it has switched itself off.

    `folder` holds its first file system, and what comes on its console. Raises
    `subprocess.TimeoutExpired` after `seconds`.
    """
    (kernel,) = SYSTEM.glob("boot/vmlinuz-*")
    command = [
        QEMU,
        *("-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", MEMORY),
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
        *("-serial", "stdio", "-nic", "none"),
        *("-kernel", str(kernel), "-initrd", str(first_files(folder))),
        *("-append", "console=ttyS0 quiet loglevel=3 panic=-1 cgroup_no_v1=all"),
        *("-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"),
    ]
    console = folder / "console"
    with console.open("wb") as file:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=True,
        )
    return console.read_text(errors="replace")


def first_files(folder: Path) -> Path:
    """The archive that the kernel unpacks as its first root: modules, and an `init` to leave it."""
    root = folder / "root"
    for name in ("bin", "modules", "host"):
        (root / name).mkdir(parents=True)
    (found,) = SYSTEM.rglob("bin/busybox")
    busybox = shutil.copy(found, root / "bin")
    for tool in ("insmod", "mount", "switch_root"):
        (root / "bin" / tool).symlink_to("busybox")
    for number, name in enumerate(MODULES):
        for module in SYSTEM.rglob(f"{name}.ko*"):
            (root / "modules" / f"{number:02}-{name}.ko").write_bytes(unpacked(module))
    init = root / "init"
    checkout, python = (shlex.quote(str(path)) for path in (CHECKOUT, sys.executable))
    init.write_text(INIT.format(checkout=checkout, python=python))
    init.chmod(0o755)
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    archive = folder / "initramfs"
    with archive.open("wb") as file:
        subprocess.run(
            [busybox, "cpio", "-o", "-H", "newc"],
            cwd=root,
            input=names.encode(),
            stdout=file,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    return archive


def unpacked(module: Path) -> bytes:
    data = module.read_bytes()
    return lzma.decompress(data) if module.suffix == ".xz" else data
