"""Error pages of the loader: order, packing, masks, the token ledger."""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-LOADER-001": ErrorPage(
        title="there is nothing to train on",
        explanation="The split holds no document with tokens, or the weights of its sources leave none.",
        remedy="look at the funnel in the report of the curation, and at `weight` of every `[[source]]`",
    ),
    "GM-LOADER-002": ErrorPage(
        title="a saved loader state does not fit the shards",
        explanation="A checkpoint names documents or positions that these shards do not have. It was made with other "
        "shards, and continuing from it would repeat or miss documents.",
        remedy="train into another folder, or remove the old `train/` folder",
    ),
    "GM-LOADER-003": ErrorPage(
        title="the token ledger does not close",
        explanation="Every token that is read must be in a row, in the window, and then either trained, masked, or "
        "the first of its piece. The counts disagree, so tokens were lost or doubled.",
        remedy="report it with the message",
        exit_code=ExitCode.BUG,
    ),
    "GM-LOADER-004": ErrorPage(
        title="the sequence length makes no sense",
        explanation="A row has to hold at least two tokens: one to read and one to predict.",
        remedy="set `sequence_length` in `[train]` to at least 2; 512 to 4096 are usual",
    ),
    "GM-LOADER-005": ErrorPage(
        title="a weight makes no sense",
        explanation="A weight is how often a source's documents are seen in an epoch: 1.0 is once, 0.5 every second "
        "document, 2.0 twice, 0 never. It cannot be negative or infinite.",
        remedy="set `weight` of the `[[source]]` to a number from 0 upwards",
    ),
    "GM-LOADER-006": ErrorPage(
        title="a saved loader state is of another version",
        explanation="The version says which form a state has and which order of documents it relies on. Continuing "
        "from a state of another version would repeat some documents and miss others.",
        remedy="continue with the gristmill that wrote the state, or begin the training anew",
    ),
    "GM-LOADER-007": ErrorPage(
        title="a mixture makes no sense",
        explanation="A mixture names sources of the shards, gives them shares from 0 upwards of which one is above 0, "
        "temperatures from 1 upwards and caps above 0. Its phases begin one after the other at fractions from 0 to "
        "below 1 of a training whose length is known.",
        remedy="look at `mixing` in `[train]` and at the names of the `[[source]]` tables",
    ),
    "GM-LOADER-008": ErrorPage(
        title="a loader is set up wrongly",
        explanation="A batch has at least one row; a rank is below the number of ranks; tokens are `int64`, `int32`, "
        "`uint32` or `uint16`; targets are `next`, `labels`, `mask` or `none`. Arrays that "
        "are given to be filled have room for the batch, and token ids fit their type.",
        remedy="correct the argument that the message names",
    ),
}
