"""The proof of a split: what is checked, in which order, and the error that keeps a training from starting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gristmill.errors import GristmillError
from gristmill.shards import Document, Shards, open_shards
from gristmill.train.events import OnEvent, make_event
from gristmill.train.files import write_json
from gristmill.train.proof.facts import RunFacts
from gristmill.train.proof.problems import CAUTIONS, Findings, Problem
from gristmill.train.proof.rows import RowCounts, RowRules, check_rows
from gristmill.train.proof.sample import chosen_rows, kept_of
from gristmill.train.proof.turns import TurnCheck, check_text

SPLITS = ("train", "validation")


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What was looked at, and what is wrong.

    Parameters
    ----------
    split
        Its name.
    counts
        Sums over all rows.
    lost
        Tokens of conversations that were too long, and are in no row.
    documents, answers
        Documents and answers whose decoded text was compared.
    unproven
        Why texts were not compared, None if they were.
    problems
        What is wrong; training does not start unless this is empty.
    cautions
        Names from `CAUTIONS`.
    """

    split: str
    counts: RowCounts
    lost: int
    documents: int
    answers: int
    unproven: str | None
    problems: tuple[Problem, ...]
    cautions: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Return the proof as JSON values."""
        return {
            "rows": self.counts.rows,
            "tokens": self.counts.tokens,
            "conversations": self.counts.masked_rows,
            "trained_tokens_of_conversations": self.counts.trained,
            "answers": self.counts.answers,
            "cut_answers": self.counts.cut_answers,
            "lost_tokens": self.lost,
            "decoded": {"documents": self.documents, "answers": self.answers, "unproven": self.unproven},
            "problems": {problem.name: problem.count for problem in self.problems},
            "cautions": list(self.cautions),
        }

    def describe(self) -> str:
        """Return the proof in one line."""
        what = f"{self.counts.rows:,} rows"
        if self.counts.masked_rows:
            what += f", {self.counts.answers:,} answers that all end with a trained stop token"
        decoded = f"{self.documents:,} documents decoded" if self.unproven is None else self.unproven
        return f"labels of `{self.split}` proven: {what}; {decoded}"


def prove(run: Path, shards: Shards, *, tokenizer: Path | None = None) -> Proof:
    """Check a split of a run, and return what was found. Time: one pass over the rows, and some tens of documents.

    Parameters
    ----------
    run
        The run folder.
    shards
        The split, opened (and so verified).
    tokenizer
        Where to look for the tokenizer first; by default where the run's plan says.

    Raises
    ------
    GristmillError
        What files of the run say that cannot be read.
    """
    facts, found = RunFacts(run, shards, tokenizer), Findings()
    counts = check_rows(shards, _rules(facts, found), found, asked_ids=_padding(facts))
    stated = facts.counted()
    for name, counted in (("tokens", counts.tokens), ("trained", counts.trained)):
        if stated.get(name, counted) != counted:
            detail = f"the manifest counts {stated[name]} {name} tokens, the shards hold {counted}"
            found.add("counts", [shards.doc(0).doc], detail)
    documents = answers = 0
    unproven = None
    if any(problem.name == "mask_length" for problem in found.problems()):
        unproven = "no texts were compared: masks do not fit"
    elif facts.tokenizer is None:
        unproven = "no texts were compared: the shards' tokenizer is not at hand"
    elif not facts.document_files():
        unproven = "no texts were compared: the run keeps no documents"
    else:
        documents, answers = _check_sample(facts, found)
    return Proof(
        split=shards.split,
        counts=counts,
        lost=stated.get("lost", 0),
        documents=documents,
        answers=answers,
        unproven=unproven,
        problems=tuple(found.problems()),
        cautions=("pad_is_trained",) if counts.trained_ids else (),
    )


def prove_splits(
    run: Path,
    folder: Path,
    shards: Shards,
    validation: Shards | None,
    tokenizer: Path | None,
    on_event: OnEvent,
) -> None:
    """Prove what a training is about to use, and write `proof.json` into its folder.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-054``: no step is done on shards that teach what they should not.
    """
    on_event(make_event(0, 0, "proving labels"))
    proofs = [prove(run, split, tokenizer=tokenizer) for split in (shards, validation) if split is not None]
    write_json(folder / "proof.json", {proof.split: proof.to_json() for proof in proofs})
    for proof in proofs:
        require_proof_of_labels(proof)
        on_event(make_event(0, 0, proof.describe()))
        for caution in proof.cautions:
            on_event(make_event(0, 0, f"caution: {CAUTIONS[caution]}"))


def prove_run(run: Path, *, tokenizer: Path | None = None, verify: bool = True) -> list[Proof]:
    """Return the proofs of a run's splits that are used in training."""
    proofs = []
    for split in SPLITS:
        try:
            shards = open_shards(run, split, verify=verify)
        except GristmillError as error:
            if error.code == "GM-SHARDS-003" and split != "train":
                continue
            raise
        if len(shards):
            proofs.append(prove(run, shards, tokenizer=tokenizer))
    return proofs


def require_proof_of_labels(proof: Proof) -> None:
    """Raise unless nothing is wrong.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-054`` with every problem by name.
    """
    if not proof.problems:
        return
    first = proof.problems[0]
    raise GristmillError(
        "GM-TRAIN-054",
        f"labels of `{proof.split}`: {first.name}: {first.detail}",
        hint=first.hint,
        context=tuple(
            f"{problem.name}: {problem.count:,}, documents {', '.join(map(str, problem.documents))}"
            for problem in proof.problems
        ),
    )


def _rules(facts: RunFacts, found: Findings) -> RowRules:
    metadata = facts.shards.metadata
    controls = {} if facts.tokenizer is None else facts.tokenizer.control_ids
    stops: frozenset[int] = frozenset()
    if facts.train_on in ("assistant", "last"):
        turns = facts.turns
        if turns is None:
            stops = frozenset(controls.values())
        else:
            # The stop text ends with its first control token.
            stops = frozenset(number for text, number in controls.items() if turns.stop.endswith(text))
            if controls and not stops:
                found.add("no_stop_token", [facts.shards.doc(0).doc], "no control token ends a turn")
    return RowRules(
        vocabulary_size=metadata.vocabulary_size,
        end_of_text=facts.end_of_text,
        has_conversations=facts.train_on is not None,
        stops=stops,
        controls=frozenset(controls.values()),
        max_tokens=facts.max_tokens,
    )


def _padding(facts: RunFacts) -> frozenset[int]:
    padding = None if facts.tokenizer is None else facts.tokenizer.padding_id
    return frozenset() if padding is None else frozenset({padding})


def _check_sample(facts: RunFacts, found: Findings) -> tuple[int, int]:
    """Compare decoded texts of a sample; return how many documents and answers were compared."""
    tokenizer, shards = facts.tokenizer, facts.shards
    assert tokenizer is not None, "the caller has looked"
    sample: dict[int, list[Document]] = {}
    for places in chosen_rows(shards):
        rows = [shards.doc(place) for place in places]
        sample[rows[0].doc] = rows
    kept = kept_of(facts.document_files(), {doc: rows[0] for doc, rows in sample.items()}, facts.sources)
    check = TurnCheck(tokenizer, facts.turns, facts.train_on or "all", found)
    documents = answers = 0
    for doc, rows in sample.items():
        if doc not in kept:
            continue
        if kept[doc].turns is None:
            if facts.train_on is None:
                check_text(rows, kept[doc], tokenizer, found, end_of_text=facts.end_of_text)
                documents += 1
        elif facts.train_on in ("assistant", "last") and rows[0].mask is not None:
            answers += check.check(rows, kept[doc], max_tokens=facts.max_tokens)
            documents += 1
    return documents, answers
