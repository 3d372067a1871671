"""Wheels of what this environment has installed: build requirements without a network."""

import base64
import hashlib
import importlib.metadata
import io
import zipfile
from functools import cache


@cache
def wheel_of(name: str) -> tuple[str, bytes]:
    """Filename and content of a wheel like the one that `name` was installed from."""
    distribution = importlib.metadata.distribution(name)
    stem = f"{name.replace('-', '_')}-{distribution.version}"
    files: dict[str, bytes] = {}
    for path in distribution.files or ():
        own = {"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"}
        is_below = ".." not in path.parts
        if path.name not in own and path.suffix != ".pyc" and is_below:
            files[path.as_posix()] = path.read_binary()
    tops = {path.split("/")[0] for path in files}
    info = next(top for top in tops if top.endswith(".dist-info"))
    rows = []
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(content)}")
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content, zipfile.ZIP_DEFLATED, 1)
    return f"{stem}-py3-none-any.whl", buffer.getvalue()
