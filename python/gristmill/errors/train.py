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
        explanation="A model is a local folder with `config.json` and `*.safetensors`, a GGUF file, or the folder of "
        "an adapter, of an architecture that `transformers` has built in. Code inside the folder is never "
        "run, pickled weights are never opened, and nothing is downloaded. A tokenizer to copy is a "
        "`tokenizer.json` or a folder with one.",
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
    "GM-TRAIN-020": ErrorPage(
        title="a part to train beside the adapters cannot be trained so",
        explanation="`lora.also_train` lists modules that are trained in full beside the adapters, by the last parts "
        "of their names. One fits nothing, is a group of layers and no single one, or is also to get an adapter.",
        remedy='name single layers, such as `["embed_tokens", "lm_head", "norm"]`',
    ),
    "GM-TRAIN-021": ErrorPage(
        title="the adapter cannot be used",
        explanation="An adapter folder holds `adapter_config.json` and `adapter_model.safetensors`, as the `peft` "
        "library writes them, and names the model it belongs to. That model has to be on this machine, the "
        "adapter of the kind LoRA or DoRA, and every weight has to find its place. Training it on changes neither "
        "rank nor layers.",
        remedy="write the local path of its model into `adapter_config.json`, or start a new adapter",
    ),
    "GM-TRAIN-022": ErrorPage(
        title="the GGUF file cannot be used",
        explanation="The weights of a GGUF file are dequantised and trained as ordinary ones. `transformers` has to "
        "know the architecture and the kind of quantisation, and a folder may hold only one such file.",
        remedy="name the file itself, or convert it once to a folder with safetensors",
    ),
    "GM-TRAIN-023": ErrorPage(
        title="long documents would change short ones in the same row",
        explanation="The model's positions (LongRoPE) depend on the longest document of a forward pass. Below the "
        "length that the model was first trained for they do not, and only such rows keep documents apart.",
        remedy="lower `sequence_length` to the number in the message, `original_max_position_embeddings`",
    ),
    "GM-TRAIN-030": ErrorPage(
        title="nothing says when to stop early",
        explanation="`patience` ends a training when the validation loss stops improving. The run holds no validation "
        "split, so there is no such loss.",
        remedy="hold documents out with `[split]` and curate again, or leave `patience` out",
    ),
    "GM-TRAIN-031": ErrorPage(
        title="weights that are to be exported are not whole",
        explanation="With `patience` the best checkpoint is exported, with `average` the mean of the last ones. One of "
        "these folders in `train/checkpoints` is missing or has other bytes than its receipt says.",
        remedy="remove the folder `train` of the run and train again",
    ),
    "GM-TRAIN-070": ErrorPage(
        title="the shards have no masks",
        explanation='`task = "instruct"` trains on what the assistant says and on nothing else. Masks say what that '
        "is, and these shards have none: the recipe had no turns, or `train_on` was `all`.",
        remedy='read turns (`messages`, or `prompt` and `response`) and set `chat = { template = "model", '
        'train_on = "assistant" }` in `[tokens]`; or use `task = "causal"`',
    ),
    "GM-TRAIN-071": ErrorPage(
        title="the shards do not say what to classify",
        explanation='`task = "classify"` learns one class a document. The shards have no labels, or fewer than two '
        "classes; or a document was divided into several rows, each of which would count as one of that class; or "
        "one is longer than a row, and its class would be learnt from its end alone.",
        remedy='set `label = { field = "NAME" }`, `max_tokens` to `sequence_length` or less, and `too_long` to '
        '`"truncate"` or `"drop"` in `[tokens]`, and curate again',
    ),
    "GM-TRAIN-072": ErrorPage(
        title="documents end with the padding",
        explanation="A class is read from the last token of a document. Plain `transformers` looks for the last one "
        "that is no padding; where documents end with the id that pads, it would look elsewhere than training did.",
        remedy="set `end_of_text = false` in `[tokens]` and curate again: what is classified later has none either",
    ),
    "GM-TRAIN-032": ErrorPage(
        title="several seeds cannot be compared",
        explanation="`seeds` trains one recipe with several seeds and exports the best by validation loss. The run "
        "holds no validation split, so nothing says which that is.",
        remedy="hold documents out with `[split]` and curate again, or train one seed",
    ),
    "GM-TRAIN-033": ErrorPage(
        title="no tokenizer for the prompts of `samples`",
        explanation="`samples` lists prompts that the model answers at each evaluation. Text becomes ids by the "
        "tokenizer of `[tokens]`, or by that in the model's folder; neither is there, or it cannot be loaded.",
        remedy="leave `samples` out, or curate with `[tokens] tokenizer`",
    ),
    "GM-TRAIN-034": ErrorPage(
        title="the package of a tracker is not installed",
        explanation='`callbacks = ["tensorboard"]`, `"wandb"` and `"trackio"` come with gristmill, the libraries they '
        "write with do not: each is an extra of its own.",
        remedy="pip install 'gristmill[tensorboard]', 'gristmill[wandb]' or 'gristmill[trackio]'",
    ),
    "GM-TRAIN-014": ErrorPage(
        title="the recipe does not say what to train",
        explanation="Training needs the section `[train]`, with at least `model` and one of `epochs`, `steps` and "
        "`tokens`.",
        remedy="add it; `gristmill init` writes a recipe that has one",
    ),
    "GM-TRAIN-060": ErrorPage(
        title="a step does not fit into the memory",
        explanation="Before anything loads, one step is done on tensors without data, which counts what it will "
        "allocate. That is more than the device has, by more than the count can be wrong.",
        remedy="`gristmill train RECIPE --plan` shows what the memory is for, and which settings would fit",
    ),
    "GM-TRAIN-061": ErrorPage(
        title="what the training needs cannot be foreseen",
        explanation="The architecture looks at the values of its tensors while it runs, so it cannot be run without "
        "them. Training itself says so and goes on; only `--plan` needs the foresight.",
        remedy="train a few steps with a small `micro_batch_tokens` and look at the memory",
    ),
    "GM-TRAIN-050": ErrorPage(
        title="there are no records of a training",
        explanation="`trace` reads `train/batches/` of a run folder, where every step's documents are written down. "
        "Without it the run was not trained, or `train/` was removed.",
        remedy="name a run folder after `gristmill train RECIPE`",
    ),
    "GM-TRAIN-051": ErrorPage(
        title="the step is not recorded",
        explanation="Documents of steps are made durable with each checkpoint. Steps since the last one of a training "
        "that was killed are not there: the same command does them again, with the same documents. The message says "
        "which steps are recorded.",
        remedy="name a recorded step, or continue the training",
    ),
    "GM-TRAIN-052": ErrorPage(
        title="a batch made again differs from the one trained on",
        explanation="While it trained, the digest of every packed row was written down: tokens, positions, targets and "
        "where documents start. The row made again from the shards has another one, so shards or records are not those "
        "of the training.",
        remedy="`gristmill verify RUN` compares the shards with their digests; restore what was changed",
        exit_code=ExitCode.GATE,
    ),
    "GM-TRAIN-053": ErrorPage(
        title="no such document or source was kept",
        explanation="A training sees what curation kept. The name is that of no kept document (number, key, beginning "
        "of a key, id), or of no source.",
        remedy="`gristmill explain doc NAME --run RUN` tells what became of a dropped document",
    ),
    "GM-TRAIN-054": ErrorPage(
        title="the shards do not teach what they should",
        explanation="Before the first step every row is checked by number (masks fit, something is trained, every "
        "turn of the assistant ends with a trained stop token, counts are those of the manifest), and some tens of "
        "documents by text (what is trained, decoded, is what the assistant said). Such faults fail silently: the loss "
        "falls, and the model never stops or says what the user should. The message names the problem and documents; "
        "`train/proof.json` counts them.",
        remedy="follow the hint; the guide on chat data says how templates are marked",
        exit_code=ExitCode.GATE,
    ),
    "GM-TRAIN-055": ErrorPage(
        title="the token ledger does not close",
        explanation="Every token that was read has to be in a row, once an epoch, and every token in a row is trained, "
        "masked or the first of its piece. At the end the sums of loader, steps and shards are compared; they differ, "
        "so some tokens were lost or seen twice, and no result is written.",
        remedy="report it: this is a fault of gristmill",
        exit_code=ExitCode.BUG,
    ),
}
