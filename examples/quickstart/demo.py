"""`make demo`: the whole way once, from raw documents to a fine-tuned model and a report, saying what it does.

Two verbs do the work, `make_model.py` and `gristmill run`; this script calls them and prints what came out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUN = HERE / "runs" / "quickstart"
RECIPE = HERE / "recipe.toml"


def say(text: str) -> None:
    """Print one line at once."""
    print(f"==> {text}", flush=True)


def call(*command: str) -> None:
    """Run a command of this environment and stop with its exit code if it fails."""
    done = subprocess.run(command, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def funnel(manifest: dict[str, object]) -> list[str]:
    """Return the funnel from documents in to tokens out as lines."""
    counts = manifest["counts"]
    assert isinstance(counts, dict)
    dropped: dict[str, int] = {}
    for source in counts["by_source"].values():
        for reason, count in source["dropped"].items():
            dropped[reason] = dropped.get(reason, 0) + count
    lines = [f"{counts['documents_in']:>9,}  documents in"]
    lines += [
        f"{-count:>9,}  {reason}"
        for reason, count in sorted(dropped.items(), key=lambda item: -item[1])
        if count
    ]
    lines += [f"{-counts['quarantined']:>9,}  quarantined", f"{counts['kept']:>9,}  documents kept"]
    for split, numbers in sorted(counts["tokens"].items()):
        lines.append(f"{numbers['tokens']:>9,}  tokens in `{split}` ({numbers['documents']:,} documents)")
    return lines


def validation_losses() -> list[tuple[int, float]]:
    """Return the validation losses of the training, by step."""
    lines = (RUN / "train" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    return [
        (record["step"], record["validation_loss"])
        for record in records
        if record.get("validation_loss") is not None
    ]


def main() -> None:
    """Run the demo."""
    started = time.monotonic()
    gristmill = str(Path(sys.executable).parent / "gristmill")
    say("the model: SmolLM2-135M-Instruct, out of an installed Python package (once)")
    call(sys.executable, str(HERE / "make_model.py"))
    say("documents to shards: 809 real documents through cleaning, rules, a plugin, dedup and the tokenizer")
    call(gristmill, "curate", str(RECIPE))
    say("proof: nothing lost, nothing doubled, nothing damaged")
    call(gristmill, "verify", str(RUN))
    say("a short LoRA fine-tune on the shards (two CPU cores: some minutes)")
    call(gristmill, "train", str(RECIPE))
    say("the report")
    call(gristmill, "report", str(RUN))
    manifest = json.loads((RUN / "manifest.json").read_text(encoding="utf-8"))
    print()
    print("\n".join(funnel(manifest)))
    losses = validation_losses()
    print(
        f"\nvalidation loss: {losses[0][1]:.4f} before training, {losses[-1][1]:.4f} after {losses[-1][0]} steps"
    )
    print(f"done in {time.monotonic() - started:.0f} s")
    print(f"report: {RUN / 'report.html'}")


if __name__ == "__main__":
    main()
