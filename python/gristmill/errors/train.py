"""Error pages of training."""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-TRAIN-001": ErrorPage(
        title="the length of the training is not clear",
        explanation="Exactly one of `epochs`, `steps` and `tokens` says how long to train. The schedule of the "
        "learning rate depends on it, so there is no default.",
        remedy="write one of them in `[train]`, for example `epochs = 1`",
    ),
    "GM-TRAIN-002": ErrorPage(
        title="a setting of `[train]` is out of range",
        explanation="The message names the setting, its value and what it may be.",
        remedy="change it in the recipe; `gristmill explain key train.NAME` shows its page",
    ),
    "GM-TRAIN-003": ErrorPage(
        title="the model folder cannot be used",
        explanation="A model is a local folder with `config.json` and `*.safetensors`, of an architecture that "
        "`transformers` has built in. Code inside the folder is never run, pickled weights are never "
        "opened, and nothing is downloaded. A tokenizer to copy is a `tokenizer.json` or a folder with "
        "one.",
        remedy="convert it once with `save_pretrained`, or choose another folder",
    ),
    "GM-TRAIN-004": ErrorPage(
        title="no model can be made of this configuration",
        explanation="`model = { config = { model_type = ..., ... } }` names an architecture of `transformers` and its "
        "sizes. The library refused it; its reason is in the message.",
        remedy="compare with the architecture's configuration class in the `transformers` documentation",
    ),
    "GM-TRAIN-005": ErrorPage(
        title="the adapters fit no layer",
        explanation="`lora.targets` lists last parts of layer names. None of the model's layers has such a name, so "
        "nothing would be trained.",
        remedy='use `targets = "all-linear"`, or names such as `["q_proj", "v_proj"]`',
    ),
    "GM-TRAIN-006": ErrorPage(
        title="another training holds this folder",
        explanation="A live process trains into the same run folder. The hold ends with that process, however it "
        "ends.",
        remedy="wait for it to end, or train another run",
    ),
    "GM-TRAIN-007": ErrorPage(
        title="a step has nothing to learn from",
        explanation="The masks of all documents in the step exclude every token, so the loss has no mean. Going on "
        "would divide by zero or train on nothing.",
        remedy="look at the masks of the documents listed, raise `batch_tokens`, or leave such documents out",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-TRAIN-008": ErrorPage(
        title="model and shards do not fit together",
        explanation="The shards hold token ids that the model does not have, or rows longer than the model was made "
        "for. Either would fail late or train nonsense.",
        remedy="set `tokenizer` in `[tokens]` to the model's folder, or lower `sequence_length`",
    ),
    "GM-TRAIN-009": ErrorPage(
        title="adapters need a trained model",
        explanation="With `lora` the model's own weights stay as they are. Random weights that stay random cannot be "
        "adapted to anything, and the adapter would be useless without them.",
        remedy='set `method = "full"`, or `model` to a folder with trained weights',
    ),
    "GM-TRAIN-010": ErrorPage(
        title="documents in a row could see each other",
        explanation="Rows hold several documents, and attention must stay within each. The model passed a mask, a "
        "cache or a batch that our attention cannot keep apart, so the step was not done.",
        remedy="use another architecture; report this one with its `model_type`",
        exit_code=ExitCode.BUG,
    ),
    "GM-TRAIN-011": ErrorPage(
        title="the architecture cannot be trained on packed documents",
        explanation="Before training, three short documents are run packed together and one by one. Their losses have "
        "to agree; they do not, or the model could not be run that way. State-space and convolution "
        "layers, for example, carry state from one document to the next.",
        remedy="use an architecture whose only mixing of places is attention: Llama, Qwen, Mistral, Gemma and "
        "the like",
    ),
    "GM-TRAIN-012": ErrorPage(
        title="the training diverged",
        explanation="Loss or gradient was infinite or not a number several steps in a row. Such steps change nothing "
        "and are listed with their documents, but so many of them do not come from single bad documents.",
        remedy='lower `learning_rate`, or set `precision = "fp32"`; the last checkpoint is from before',
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-TRAIN-013": ErrorPage(
        title="the packages for training are not installed",
        explanation="Curation works without torch, so it is an extra.",
        remedy="pip install 'gristmill[train]'",
    ),
    "GM-TRAIN-015": ErrorPage(
        title="the memory is not enough",
        explanation="A step's memory is that of the weights, of the optimiser's states for what is trained, and of "
        "what the backward pass needs of each token of a micro-batch. The last part is the one that "
        "settings change.",
        remedy='lower `micro_batch_tokens` or `sequence_length` in `[train]`, or use `method = "lora"`; a '
        "shorter micro-batch changes no result but rounding",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-TRAIN-040": ErrorPage(
        title="this number of processes cannot train",
        explanation="One process trains on each GPU; on a machine without one, `--processes N` starts N on the CPU.",
        remedy="leave `--processes` out, or give at most the number of GPUs",
    ),
    "GM-TRAIN-041": ErrorPage(
        title="a process of the training died",
        explanation="Several processes train together, and one of them ended without a word: killed by the system or "
        "by somebody, or by a fault in a library. The others cannot go on without it and were ended too.",
        remedy="the same command continues from the last checkpoint, also with fewer `--processes`; if memory was "
        'short, lower `micro_batch_tokens`, or set `sharding = "fsdp"`',
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-TRAIN-042": ErrorPage(
        title="the processes of the training lost each other",
        explanation="A sum over all processes failed or took longer than half an hour, and none of them says why: "
        "one is stopped or stuck, or a link between devices is broken.",
        remedy="the same command continues from the last checkpoint; with NCCL, `NCCL_DEBUG=INFO` shows what fails",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-TRAIN-014": ErrorPage(
        title="the recipe does not say what to train",
        explanation="Training needs the section `[train]`, with at least `model` and one of `epochs`, `steps` and "
        "`tokens`.",
        remedy="add it; `gristmill init` writes a recipe that has one",
    ),
}
