"""Error pages of indexes of earlier runs: configuration, appends, damage."""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-INDEX-001": ErrorPage(
        title="the index was made with another configuration",
        explanation=(
            "Hashes and band keys of an index can be compared with those of new documents only if they were made in "
            "the same way: whether there is an exact step, bands, rows, seed and shingles of MinHash, the measure of "
            "similarity, and the versions of the stages. The message says what differs. `min_similarity` and all "
            "other steps may change from delivery to delivery."
        ),
        remedy="use the dedup keys of the index, or name another `index` and run the earlier deliveries again with it",
    ),
    "GM-INDEX-002": ErrorPage(
        title="another run added to the index in the meantime",
        explanation=(
            "A run is checked against the segments that are there when its dedup stages begin, and adds the next one "
            "at its end. Another run was faster and took the number. What this run keeps was not checked against what "
            "that one kept, so nothing was added, and the run is not finished."
        ),
        remedy="run the same command again: dedup and what follows it run again, reading the input does not",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-INDEX-003": ErrorPage(
        title="the index is damaged",
        explanation=(
            "A file of a segment is missing, has another length or digest than its manifest says, a text is not the "
            "one that was kept, or a manifest cannot be read or follows another one than the one before it. Files of "
            "keys are digested once by every run, texts have a checksum each that is compared when they are read."
        ),
        remedy="take the file from a copy of the index, or remove its segment and all later ones and run those "
        "deliveries again",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-INDEX-004": ErrorPage(
        title="the index holds these very files, kept by another recipe",
        explanation=(
            "A segment was made from the same input files, byte for byte, with other thresholds, steps or dedup "
            "keys. Every document of this run would be a duplicate of itself. A run that kept the same ones finds its "
            "segment and leaves it out; this one would keep others."
        ),
        remedy="remove the segment that the message names and all later ones, and run those deliveries again; or name "
        "another `index`",
    ),
    "GM-INDEX-005": ErrorPage(
        title="`index` beside steps that it does not serve",
        explanation="`[dedup] index` names an index of what earlier runs kept. The recipe has no step that compares "
        "documents with it, or one that an index has nothing for: `semantic_dedup`, whose embeddings it does not hold, "
        'or `minhash_dedup` with `semantics = "datatrove"` and `verify = false`, which may remove any '
        "document. Nor can a "
        "step that chooses be there (`sample`, `mix`, `select`): what it leaves out would count as kept in later runs.",
        remedy='add `[[step]]` with `use = "exact_dedup"` or `use = "minhash_dedup"`, or remove `index`',
    ),
}
