"""The mathematics of training that is worth a kernel of its own.

One file each: the formula and its source, the twin in plain torch, the `torch.autograd.Function`, the Triton
version, and what it moves through memory at least. Row-wise work is Triton's, matrix products are the library's.

- `linear_cross_entropy`: the loss over the vocabulary without its logits; `cross_entropy_rows`: its rows.
- `rms_norm`, `glu`, `rope`: what lies between the matrix products of a Llama-like block.
- `lora`: adapters with their frozen layers.
- `segment_sum`: token losses to document losses.
"""

from gristmill.train.kernels.cross_entropy_rows import LossForm
from gristmill.train.kernels.linear_cross_entropy import (
    IGNORED,
    VocabularyLoss,
    linear_cross_entropy,
    token_cross_entropy,
)

__all__ = ["IGNORED", "LossForm", "VocabularyLoss", "linear_cross_entropy", "token_cross_entropy"]
