"""Several processes that train one model, one a GPU; on a CPU for tests.

- `launch` starts them, answers rank 0, and ends all when one dies; `worker` is what each of them runs.
- `world` is what the code of a training knows of the others: its rank, and sums over all.
- `share` says which rows of a step a rank computes, and puts the losses together again.
- `parallel` makes a model compute gradients together: whole copies (DDP) or shards (FSDP2).
- `state` gathers weights and optimiser for a checkpoint that any number of processes can continue.

Every rank runs the same code of `session` on the same rows; only rank 0 writes and speaks. A world of one process
does nothing of all this.
"""

from gristmill.train.distributed.launch import launch, num_processes
from gristmill.train.distributed.parallel import Parallel, as_parallel, distribute
from gristmill.train.distributed.world import World

__all__ = ["Parallel", "World", "as_parallel", "distribute", "launch", "num_processes"]
