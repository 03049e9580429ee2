"""Manifests: the small file beside a dropped one that says it is complete, and perhaps what it holds."""

from __future__ import annotations

import msgspec

from orderflow.adapters.files.text import FileError

FLAGS = (".done", ".ok")
"""Endings of a manifest whose mere presence counts; JSON inside is read, anything else inside is not."""
STATEMENTS = (".manifest", ".manifest.json")
"""Endings of a manifest that must hold `{"rows": n, "sha256": "..."}`, or one of the two; more keys do not matter."""
ENDINGS = (*FLAGS, *STATEMENTS)
LARGEST = 64 * 1024
"""Bytes of a manifest that are read; a longer one states nothing."""


class Manifest(msgspec.Struct, frozen=True):
    """What the sender says of a file: data rows without header, and SHA-256 in hex over its bytes."""

    rows: int | None = None
    sha256: str | None = None

    def check(self, *, rows: int, sha256: str) -> None:
        """Raise `FileError` when the file is not what its sender says."""
        if self.sha256 is not None and self.sha256.lower() != sha256:
            raise FileError(
                None,
                f"its SHA-256 is {sha256}, its manifest says {self.sha256}; the file was cut or changed on the way: "
                "have it sent again",
            )
        if self.rows is not None and self.rows != rows:
            raise FileError(
                None, f"it has {rows} rows, its manifest says {self.rows}; the file was cut: have it sent again"
            )


_DECODER = msgspec.json.Decoder(Manifest)


def read(name: str, content: bytes) -> Manifest:
    """The manifest in the file `name`; raises `FileError` for a statement that states nothing."""
    try:
        manifest = _DECODER.decode(content)
    except msgspec.DecodeError:
        manifest = Manifest()
    if name.lower().endswith(STATEMENTS) and manifest == Manifest():
        raise FileError(None, f'its manifest {name} states nothing; it must hold {{"rows": 17, "sha256": "..."}}')
    return manifest
