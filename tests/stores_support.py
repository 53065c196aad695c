"""Local servers that emulate object stores."""

import contextlib
import importlib.util
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from hosts_support import STUCK, free_port

BUCKET = "bucket"

# The emulator ignores ifGenerationMatch=0, with which the real store refuses to replace
# an object, and drops the last byte of an upload that ends in a line break.
_GCS = f"""
import json
import sys
from http import HTTPStatus
from gcp_storage_emulator import server
from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import objects

def insert(request, response, storage):
    if request.query.get("ifGenerationMatch") == ["0"]:
        data = request.data
        name = request.query.get("name", [data and data["meta"].get("name")])[0]
        try:
            storage.get_file_obj(request.params["bucket_name"], name)
        except NotFound:
            pass
        else:
            response.status = HTTPStatus.PRECONDITION_FAILED
            return
    objects.insert(request, response, storage)

plain = server._read_data

def read_data(handler, query):
    if not (handler.headers.get("Content-Type") or "").startswith("multipart/related"):
        return plain(handler, query)
    _, meta, content, _ = server._read_raw_data(handler).split(b"--==0==", 3)
    head, _, data = content.partition(b"\\n\\n")
    return {{
        "meta": json.loads(meta.partition(b"\\n\\n")[2]),
        "content": data[:-1],
        "content-type": head.decode().partition(": ")[2],
    }}

server._read_data = read_data
for _, methods in server.HANDLERS:
    for method, handler in methods.items():
        if handler is objects.insert:
            methods[method] = insert
server.create_server(
    "localhost", int(sys.argv[1]), in_memory=True, default_bucket={BUCKET!r}
).run()
"""


@dataclass(frozen=True)
class Server:
    """An emulated store.

    Attributes:
      kind: ``gs`` or ``s3``.
      environment: environment variables that direct clients to it.
    """

    kind: str
    environment: Mapping[str, str]

    def url(self, name: str) -> str:
        """The URL of a folder in its bucket."""
        return f"{self.kind}://{BUCKET}/{name}"


KINDS = {
    "s3": ("s3fs", "moto", "flask"),
    "gs": ("gcsfs", "gcp_storage_emulator"),
}
"""Kinds of stores, with the modules that their tests need."""


@contextlib.contextmanager
def serving(kind: str) -> Iterator[Server]:
    """Starts a server with an empty bucket, or skips the test."""
    for module in KINDS[kind]:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"needs {module}, which the extra named test-stores installs")
    port = free_port()
    where = f"http://localhost:{port}"
    if kind == "s3":
        command = ["-c", "from moto.server import main; main()", "-p", str(port)]
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        found = {"AWS_ENDPOINT_URL": where, "AWS_DEFAULT_REGION": "us-east-1", **keys}
    else:
        command = ["-c", _GCS, str(port)]
        # Otherwise gcsfs asks for the type of the bucket, which needs credentials.
        plain = {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}
        # One is for Python, the other for ArrayRecord's C++ code.
        names = ("STORAGE_EMULATOR_HOST", "CLOUD_STORAGE_EMULATOR_ENDPOINT")
        found = dict.fromkeys(names, where) | plain
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, where)
        if kind == "s3":
            request = urllib.request.Request(f"{where}/{BUCKET}", method="PUT")
            urllib.request.urlopen(request).close()
        yield Server(kind, found)
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], where: str) -> None:
    """Waits until a server answers."""
    deadline = time.monotonic() + STUCK
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server has ended"
        with contextlib.suppress(OSError):
            urllib.request.urlopen(where).close()
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
    raise AssertionError("the server does not answer")


@contextlib.contextmanager
def environment(server: Server) -> Iterator[None]:
    """Directs this process to a server."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in server.environment.items():
            patched.setenv(name, value)
        yield
