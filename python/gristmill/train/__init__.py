"""From token shards to checkpoints and an exported model: our own loop over Hugging Face models.

A step can be followed from shard to optimiser in this order: `feed` (the packed rows of `gristmill.loader`), `batches`
(tensors), `models` (the network), `packed_attention`, `kernels` (the loss), `loop` (one step), `session` (all steps,
with `validation`, `checkpoint`, `records`, `outcome`), `run` (the whole). Only `config`, `events` and `from_recipe` are
imported here; the heavy libraries come with `run`, when training starts.
"""

from gristmill.train.config import LoraConfig, TrainConfig
from gristmill.train.events import OnEvent
from gristmill.train.from_recipe import train_config, train_recipe

__all__ = ["LoraConfig", "OnEvent", "TrainConfig", "train_config", "train_recipe"]
