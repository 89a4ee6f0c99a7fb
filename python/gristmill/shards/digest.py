"""Digests of files, in the form that manifests and receipts use: the algorithm's name, a colon, hex digits."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gristmill.errors import GristmillError


def digest_file(path: Path, algorithm: str = "sha256") -> str:
    """Return the digest of a file's bytes. Memory: constant; time: one pass over the file.

    Manifests of curation use ``blake3``, computed by the compiled module; what training writes uses ``sha256``, so
    that its folders can be checked with nothing but the usual tools.

    Raises
    ------
    GristmillError
        ``GM-SHARDS-007`` for an algorithm that is unknown, or needs the compiled module where there is none.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "empty").write_bytes(b"")
    ...     digest_file(Path(folder, "empty"))[:19]
    'sha256:e3b0c44298fc'
    """
    if algorithm == "sha256":
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    if algorithm == "blake3":
        try:
            from gristmill import _native
        except ImportError as error:
            raise GristmillError(
                "GM-SHARDS-007",
                f"a `blake3` digest of `{path}` needs the compiled module: {error}",
                hint="install gristmill from a wheel, or run `make dev` in a checkout",
            ) from error
        return _native.digest_file(path, _native.Session())[1]
    raise GristmillError("GM-SHARDS-007", f"`{algorithm}` is not a digest this version computes")
