"""Error pages of reading token shards."""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-SHARDS-001": ErrorPage(
        title="the folder holds no finished run",
        explanation="Curation ends at `manifest.json`, which is written last. Without it, whatever lies in the folder "
        "is not a result, and no shard of it is read.",
        remedy="run `gristmill curate RECIPE` first; it continues where it stopped",
    ),
    "GM-SHARDS-002": ErrorPage(
        title="the manifest cannot be used",
        explanation="`manifest.json` is not JSON, or lacks the list of files and the counts that every run has, or "
        "was written by a version with another layout.",
        remedy="run `gristmill curate RECIPE` again with this version",
    ),
    "GM-SHARDS-003": ErrorPage(
        title="the run has no shards of this split",
        explanation="The manifest lists no file below `tokens/<split>/`. The recipe has no `[tokens]` section, or no "
        "document was kept for this split.",
        remedy="add `[tokens]` to the recipe and curate again; for a missing `validation` split, raise `[split] "
        "validation`",
    ),
    "GM-SHARDS-004": ErrorPage(
        title="a shard is damaged",
        explanation="A shard is missing, or its length or digest is not what the manifest says, or Arrow cannot read "
        "it. Nothing was trained on it.",
        remedy="run `gristmill curate RECIPE`, which makes the file again from what is committed",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-SHARDS-005": ErrorPage(
        title="a shard has another layout",
        explanation="A column is missing or has another type, columns are compressed so that they cannot be mapped, "
        "the format version is not known, or shards of one split disagree about tokenizer, sources or lineage. Every "
        "shard of a run is written by the same version.",
        remedy="curate again with this version; `gristmill inspect SHARD` shows what the file holds",
    ),
    "GM-SHARDS-006": ErrorPage(
        title="a document's mask does not fit its tokens",
        explanation="A mask is a list of run lengths, untrained first, that together cover the document's tokens. "
        "This one covers more or fewer, so nobody can say which tokens should be trained.",
        remedy="curate again; if it stays, report it",
        exit_code=ExitCode.BUG,
    ),
    "GM-SHARDS-007": ErrorPage(
        title="a digest of an unknown kind",
        explanation="Digests name their algorithm in front, as in `blake3:...`. This version computes blake3 (with "
        "the compiled module) and sha256.",
        remedy="install gristmill with its compiled module (`pip install gristmill`)",
    ),
}
