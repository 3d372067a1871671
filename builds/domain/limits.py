"""What one command of a build may use. A limit that fires is its own outcome."""

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one command. Times in seconds, sizes in bytes."""

    wall_seconds: float = 1800
    cpu_seconds: float = 3600
    """Of all processes together."""
    silence_seconds: float = 600
    """Without a byte of output."""
    memory: int = 3072 * MEBIBYTE
    """Of all processes together."""
    processes: int = 512
    """Threads count."""
    disk: int = 4096 * MEBIBYTE
    """Of the work folder, with what is deleted there and still open."""
    inodes: int = 200_000
    """Files in the work folder."""
    log: int = 16 * MEBIBYTE
    """Of output kept; more than `log_flood` ends the command."""
    log_flood: int = 256 * MEBIBYTE
