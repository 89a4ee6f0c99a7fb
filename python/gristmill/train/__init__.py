"""From token shards to checkpoints and an exported model: our own loop over Hugging Face models.

A step can be followed from shard to optimiser in this order: `gristmill.loader` (packed rows), `batches` (tensors),
`models` (the network), `packed_attention`, `kernels` (the loss), `loop` (one step), `checkpoint`, `run` (the whole).
Heavy libraries are imported by these modules, so nothing here is imported until training starts.
"""
