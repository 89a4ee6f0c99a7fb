"""Clusters in lines for a reader. Not here: options and printing (`clusters`), counting (`curate.clusters`)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill.cli.printer import align
from gristmill.cli.side_by_side import side_by_side
from gristmill.cli.text import counted, one_line
from gristmill.curate.lookup import Wanted, files_of, find_rows
from gristmill.report.word_differences import Stretch, stretches

if TYPE_CHECKING:
    from gristmill.curate.clusters import Clusters, OneCluster
    from gristmill.curate.clusters.tally import Cluster, Member

MAX_COMPARED_CHARACTERS = 4000
"""Of either text of a pair; comparing takes time with the product of their words."""
TRIED_A_PAIR = 4
MEMBERS_LISTED = 20
KEY_DIGITS = 12
CROSSINGS_LISTED = 10
BAR_CHARACTERS = 40
FIRST_LINE_CHARACTERS = 60


def summary_lines(found: Clusters) -> Iterator[str]:
    """Yield what there is in all."""
    stated = found.stated
    rows: list[list[str]] = []
    if not found.num_clusters:
        yield "no two documents that reached dedup were found equal or similar"
    else:
        removed = found.num_documents - found.num_kept
        yield (
            f"{counted(found.num_clusters, 'cluster')} of {counted(found.num_documents, 'document')}: "
            f"{found.num_kept:,} kept, {removed:,} removed"
        )
        rows += [[f"removed by {step}", f"{number:,}", ""] for step, number in found.removed.items()]
        rows.append(["documents of the largest cluster", f"{found.size_of_largest:,}", ""])
        if "spared" in stated:
            remark = (
                "they resemble only documents that went themselves, so they stayed"
                if stated["spared"]
                else ""
            )
            rows.append(["spared", _number(stated["spared"]), remark])
    if "candidates" in stated:
        rows += _pair_rows(stated)
    semantic = stated.get("semantic")
    if isinstance(semantic, Mapping):
        rows += _embedding_rows(semantic)
    if rows:
        yield from (f"  {line}" for line in _aligned(rows))
    if not found.agrees_with_manifest:
        yield (
            f"  the manifest counts {_number(stated.get('clusters'))} clusters of {_number(stated.get('clustered'))} "
            "documents, the tables hold others: `gristmill verify` says which file was changed"
        )
    if found.crossings:
        yield ""
        yield from _crossing_lines(found)


def _pair_rows(stated: Mapping[str, object]) -> list[list[str]]:
    if "guessed" in stated:
        return [
            ["pairs that share a band key, not compared", _number(stated["candidates"]), ""],
            ["removed on a guess", _number(stated["guessed"]), "`verify = false` compares no texts"],
        ]
    rows = [
        ["pairs compared on their texts", _number(stated["candidates"]), ""],
        ["similar enough", _number(stated["verified"]), ""],
        ["not similar, nothing removed for them", _number(stated["rejected"]), ""],
    ]
    if stated.get("rescued"):
        rows.append(["found by comparing leftovers again", _number(stated["rescued"]), ""])
    remark = "left out of very large buckets: duplicates may remain" if stated["capped"] else ""
    return [*rows, ["comparisons capped", _number(stated["capped"]), remark]]


def _embedding_rows(semantic: Mapping[str, object]) -> list[list[str]]:
    rows = [
        ["documents with an embedding", _number(semantic["with_embedding"]), ""],
        ["without, left alone", _number(semantic["without_embedding"]), ""],
        ["pairs compared on their embeddings", _number(semantic["candidates"]), ""],
    ]
    if "capped" in semantic:
        remark = "left out of very large buckets: duplicates may remain" if semantic["capped"] else ""
        rows.append(["comparisons of embeddings capped", _number(semantic["capped"]), remark])
    return rows


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "?"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    label, number = (max(len(row[column]) for row in rows) for column in (0, 1))
    return [f"{row[0].ljust(label)}  {row[1].rjust(number)}  {row[2]}".rstrip() for row in rows]


def _crossing_lines(found: Clusters) -> Iterator[str]:
    rows = [
        [
            one_line(one.source, 40),
            one.step,
            one_line(one.survivor_source or "(another run)", 40),
            f"{one.documents:,}",
        ]
        for one in found.crossings[:CROSSINGS_LISTED]
    ]
    yield from align(["removed from", "by", "for one of", "documents"], rows)
    rest = found.crossings[CROSSINGS_LISTED:]
    if rest:
        yield f"and {sum(one.documents for one in rest):,} in {counted(len(rest), 'further row')}, with `--json`"


def largest_lines(found: Clusters, first_lines: Mapping[str, str], *, min_size: int) -> Iterator[str]:
    """Yield the largest clusters as a table."""
    if not found.largest:
        if found.num_clusters and min_size > found.size_of_largest:
            yield ""
            yield f"no cluster has {min_size:,} documents"
        return
    steps = list(found.removed)
    rows = []
    for cluster in found.largest:
        numbers = [f"{number:,}" for number in (cluster.size, cluster.kept)]
        numbers += [f"{cluster.removed.get(step, 0):,}" for step in steps]
        rows.append(
            [
                cluster.key[:KEY_DIGITS],
                *numbers,
                _range(cluster.similarities),
                _sources(cluster.sources),
                one_line(first_lines.get(cluster.key, ""), FIRST_LINE_CHARACTERS),
            ]
        )
    yield ""
    heads = ["cluster", "size", "kept", *steps, "similarity", "sources", "the kept document begins"]
    yield from align(heads, rows)
    num_eligible = sum(number for size, number in found.sizes.items() if size >= min_size)
    if num_eligible > len(found.largest):
        yield f"and {counted(num_eligible - len(found.largest), 'further cluster')}, with `--top` or `--write`"


def _range(similarities: tuple[float, float] | None) -> str:
    if similarities is None:
        return ""
    low, high = (_similarity(value) for value in similarities)
    return low if low == high else f"{low} to {high}"


def _similarity(value: float) -> str:
    """Return a similarity, rounded towards 0 so that only 1 itself is written as 1."""
    return "1" if value == 1 else f"{int(value * 1000 + 1e-3) / 1000:.3f}"


def _sources(sources: Mapping[str, int]) -> str:
    names = [f"{one_line(name, 30)} {number:,}" for name, number in list(sources.items())[:3]]
    return ", ".join(names) + (f" and {len(sources) - 3} more" if len(sources) > 3 else "")


def first_lines(
    run_folder: Path, manifest: Mapping[str, object], clusters: Sequence[Cluster]
) -> dict[str, str]:
    """Return the first line of each cluster's survivor that is not empty, by the cluster's key."""
    files = files_of(run_folder, manifest, "documents/")
    found = {}
    for cluster in clusters:
        if cluster.survivor is not None:
            text = _text(files, cluster.survivor.doc, "text")[: 10 * FIRST_LINE_CHARACTERS]
            found[cluster.key] = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return found


def histogram_lines(found: Clusters) -> Iterator[str]:
    """Yield the similarities of removals as bars."""
    bins = found.bins()
    yield ""
    if not bins:
        yield "no removal has a similarity"
        return
    steps = list(found.similarities)
    most = max(sum(one.documents.values()) for one in bins)
    rows = []
    for one in bins:
        number = sum(one.documents.values())
        length = max(1, round(BAR_CHARACTERS * number / most)) if number else 0
        label = "1" if one.low == one.high else f"{one.low:.2f} to {one.high:.2f}"
        rows.append([label, *(f"{one.documents[step]:,}" for step in steps), "#" * length])
    yield from align(["similarity", *steps, "removed"], rows)
    exact = sum(one.documents.get(step, 0) for one in bins if one.low < 1 for step in found.exact_steps)
    if exact:
        yield (
            f"{counted(exact, 'exact duplicate')} below 1: the document that each is equal to was itself removed for a "
            "similar one, which is named in its place"
        )


def member_lines(found: OneCluster) -> Iterator[str]:
    """Yield a cluster and a list of its members."""
    cluster = found.cluster
    yield (
        f"cluster {cluster.key}: {counted(cluster.size, 'document')}, {cluster.kept:,} kept, "
        f"{cluster.size - cluster.kept:,} removed"
    )
    if cluster.kept > 1:
        yield "more than one stayed: members are linked in chains, and only what resembles a kept document was removed"
    rows = [
        [
            member.key[:KEY_DIGITS],
            member.fate if member.step is None else f"removed by {member.step}",
            "" if member.similarity is None else _similarity(member.similarity),
            "" if member.shared_bands is None else f"{member.shared_bands}",
            f"for {member.duplicate_of[:KEY_DIGITS]}" if member.duplicate_of else _removed_for(member),
            one_line(member.source, 30),
            one_line(member.id or "", 40),
        ]
        for member in found.members[:MEMBERS_LISTED]
    ]
    yield from (f"  {line}" for line in align(["key", "", "similarity", "bands", "", "source", "id"], rows))
    if len(found.members) > MEMBERS_LISTED:
        yield f"  and {len(found.members) - MEMBERS_LISTED:,} more, with `--json` or `--write`"


def _removed_for(member: Member) -> str:
    return f"{member.num_removed:,} removed for it" if member.num_removed else ""


def alone_lines(row: Mapping[str, object]) -> Iterator[str]:
    """Yield why a document is in no cluster."""
    name = f"document {cast(bytes, row['key']).hex()}"
    if "kind" not in row:
        yield f"{name} is in no cluster: it was kept, and nothing was found equal or similar to it"
    else:
        reason = f"{row['step']}.{row['rule']}"
        yield f"{name} is in no cluster: it was {row['kind']} by {reason} and not compared with others"


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberPair:
    """A removed document beside the one that it duplicates.

    Parameters
    ----------
    removed, kept
        The two; `kept` is None where it is not of this run.
    texts
        Their beginnings.
    characters
        How many characters of each were compared, at most.
    ends
        Whether the whole text of the kept and of the removed one was.
    """

    removed: Member
    kept: Member | None
    texts: tuple[str, str]
    characters: int
    ends: tuple[bool, bool]

    @property
    def stretches(self) -> list[Stretch]:
        """The texts, word by word."""
        return stretches(*self.texts, limit=self.characters)

    @property
    def title(self) -> str:
        """What is beside what, and how similar."""
        similarity = "" if self.removed.similarity is None else f", similarity {self.removed.similarity:.4f}"
        bands = self.removed.shared_bands
        shared = "" if bands is None else f", {counted(bands, 'shared band')}"
        return f"removed by {self.removed.step}{similarity}{shared}"

    def lines(self, *, width: int, has_colour: bool) -> Iterator[str]:
        """Yield both texts in two columns, or that no difference is to be seen."""
        if self.kept is None:
            yield "  the document that stayed is not of this run"
            return
        found = self.stretches
        if not any(one.differs for one in found):
            yield from self._same_lines()
            return
        yield from side_by_side(
            found,
            heads=(f"kept: {_name(self.kept)}", f"removed: {_name(self.removed)}"),
            width=width,
            has_colour=has_colour,
            ends=self.ends,
        )

    def _same_lines(self) -> Iterator[str]:
        assert self.kept is not None
        yield f"  kept:    {_name(self.kept)}"
        yield f"  removed: {_name(self.removed)}"
        kept, removed = (text[: self.characters] for text in self.texts)
        what = "equal" if kept == removed else "equal but for white space"
        if all(self.ends):
            yield f"  the texts are {what}"
        elif not self.characters:
            yield "  the run stores no beginnings of removed texts (`rejects_excerpt_characters`)"
        else:
            yield f"  the first {self.characters:,} characters are {what}; no more of the removed text is stored"
            if self.removed.similarity != 1:
                yield "  a larger `rejects_excerpt_characters` in `[run]` would show where they part"

    def to_json_dict(self) -> dict[str, object]:
        """Return the pair as JSON values."""
        return {
            "removed": asdict(self.removed),
            "kept": None if self.kept is None else asdict(self.kept),
            "characters_compared": self.characters,
            "is_whole": list(self.ends),
            "differences": [
                {"kept": "".join(one.left), "removed": "".join(one.right)}
                for one in self.stretches
                if one.differs
            ],
        }


def _name(member: Member) -> str:
    name = f"{member.key[:KEY_DIGITS]} {one_line(member.source, 20)}"
    return name if member.id is None else f"{name} {one_line(member.id, 24)}"


def pairs_of(
    run_folder: Path, manifest: Mapping[str, object], found: OneCluster, *, num_shown: int
) -> list[MemberPair]:
    """Return the least similar removed members beside what they duplicate, texts that begin alike once.

    Reads a row group of texts for each pair, and of beginnings for each member that is tried: at most four a pair.
    """
    documents, rejects = (files_of(run_folder, manifest, f"{table}/") for table in ("documents", "rejects"))
    kept = {member.key: member for member in found.members if member.step is None}
    removed = [member for member in found.members if member.step is not None]
    stored = _excerpt_characters(run_folder)
    limit = min(stored, MAX_COMPARED_CHARACTERS)
    pairs: dict[tuple[str | None, str], MemberPair] = {}
    for member in removed[: TRIED_A_PAIR * num_shown]:
        excerpt = _text(rejects, member.doc, "excerpt")[: limit + 1]
        if (member.duplicate_of, excerpt) in pairs or len(pairs) == num_shown:
            continue
        survivor = kept.get(member.duplicate_of or "")
        text = "" if survivor is None else _text(documents, survivor.doc, "text")[: limit + 1]
        is_whole = len(excerpt) < limit or (len(excerpt) == limit < stored)
        pairs[member.duplicate_of, excerpt] = MemberPair(
            removed=member,
            kept=survivor,
            texts=(text, excerpt),
            characters=limit,
            ends=(len(text) <= limit, is_whole),
        )
    return list(pairs.values())


def _text(files: Sequence[Path], doc: int, column: str) -> str:
    for row in find_rows(files, Wanted.equal("doc", doc), columns=[column], limit=1):
        return cast("str | None", row[column]) or ""
    return ""


def _excerpt_characters(run_folder: Path) -> int:
    """Return how much of a removed text the run stored, as its recipe says."""
    from gristmill.recipe.sections import Run

    default = cast(int, Run.model_fields["rejects_excerpt_characters"].default)
    try:
        recipe = tomllib.loads((run_folder / "recipe.toml").read_text(encoding="utf-8"))
        return int(recipe["run"].get("rejects_excerpt_characters", default))
    except (OSError, ValueError, KeyError):
        return default


def cluster_json(found: OneCluster) -> dict[str, object]:
    """Return a cluster with its members as JSON values."""
    return {"cluster": asdict(found.cluster), "members": [asdict(member) for member in found.members]}
