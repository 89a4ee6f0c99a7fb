"""What the model answers to the recipe's prompts at each evaluation: greedy, the same for the same weights.

Every token is computed over the whole text before it, in the way that training computes losses, without a cache: the
text is short, and one way is one to prove. Lines go to `samples.jsonl`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gristmill.errors import GristmillError
from gristmill.loader import IGNORED, Piece, Row
from gristmill.train.batches import collate
from gristmill.train.config import TrainConfig
from gristmill.train.files import append_json, keep_lines
from gristmill.train.models import CausalModel
from gristmill.train.validation import tokenizer_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MAX_NEW_TOKENS = 64
FILE = "samples.jsonl"


class Samples:
    """Writes what the model makes of each prompt; does nothing without prompts.

    Parameters
    ----------
    config
        Prompts, tokenizer and the length of a row, which prompt and answer together stay below.
    folder
        `train/` of the run.
    stop
        Ids that end an answer: those that end a document.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-033`` when there are prompts and no tokenizer can be loaded.
    """

    def __init__(
        self,
        config: TrainConfig,
        folder: Path,
        *,
        stop: Sequence[int] = (),
    ) -> None:
        self._path = folder / FILE
        self._prompts = config.samples
        self._max_tokens = config.sequence_length
        if not self._prompts:
            return
        self._tokenizer = _load(tokenizer_of(config))
        end = self._tokenizer.eos_token_id
        self._stop = {*stop, *([end] if isinstance(end, int) else [])}

    def rewind(self, step: int) -> None:
        """Drop lines of later steps, with step 0 all."""
        keep_lines(self._path, lambda record: 0 < step >= int(str(record["step"])))

    def take(self, step: int, causal: CausalModel) -> None:
        """Let a model answer every prompt, where it is, and write the answers down."""
        for prompt in self._prompts:
            ids = self._encode(prompt)
            new = greedy(
                causal,
                ids[-(self._max_tokens - 1) :],
                stop=self._stop,
                max_new_tokens=min(MAX_NEW_TOKENS, max(1, self._max_tokens - len(ids))),
                device=causal.head.weight.device,
            )
            text = self._tokenizer.decode(new, skip_special_tokens=True)
            append_json(self._path, {"step": step, "prompt": prompt, "text": text, "num_tokens": len(new)})

    def _encode(self, prompt: str) -> list[int]:
        """Return a prompt's ids: as a user's turn where the tokenizer has a chat template, else as it stands."""
        tokenizer: Any = self._tokenizer
        if not tokenizer.chat_template:
            return list(tokenizer(prompt)["input_ids"])
        turns = [{"role": "user", "content": prompt}]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def greedy(
    causal: CausalModel, ids: Sequence[int], *, stop: set[int], max_new_tokens: int, device: torch.device
) -> list[int]:
    """Return the likeliest continuation token by token, up to an id of `stop`, which is left out.

    Of equally likely ids the smallest. Without dropout; no random number is drawn. Time: one forward pass a token.
    """
    was_training = causal.model.training
    causal.model.eval()
    text, new = list(ids), []
    with torch.no_grad():
        for _ in range(max_new_tokens):
            row = Row(
                tokens=np.array(text, np.int64),
                positions=np.arange(len(text)),
                targets=np.full(len(text), IGNORED, np.int64),
                pieces=(Piece(0, 0, len(text)),),
            )
            hidden = causal.hidden(collate([row], device))[-1]
            with causal.arithmetic(device):
                logits = causal.head(hidden).float()
            found = int(torch.nonzero(logits == logits.max())[0, 0])
            if found in stop:
                break
            text.append(found)
            new.append(found)
    causal.model.train(was_training)
    return new


def _load(tokenizer: Path | None) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    if tokenizer is None:
        raise GristmillError(
            "GM-TRAIN-033",
            "`samples` needs a tokenizer, and neither `[tokens]` nor the model's folder has one",
            hint="leave `samples` out, or curate with `[tokens] tokenizer`",
        )
    try:
        if tokenizer.is_dir():
            found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
                str(tokenizer), local_files_only=True, trust_remote_code=False
            )
            return found
        fast = PreTrainedTokenizerFast(tokenizer_file=str(tokenizer))  # type: ignore[no-untyped-call]
        template = tokenizer.with_name("chat_template.jinja")
        settings = tokenizer.with_name("tokenizer_config.json")
        if template.is_file():
            fast.chat_template = template.read_text(encoding="utf-8")
        elif settings.is_file():
            fast.chat_template = json.loads(settings.read_bytes()).get("chat_template")
    except (OSError, ValueError, KeyError) as error:
        raise GristmillError(
            "GM-TRAIN-033", f"the tokenizer `{tokenizer}` cannot be loaded: {error}"
        ) from error
    return fast
