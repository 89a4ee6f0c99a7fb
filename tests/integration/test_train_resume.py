"""Kills training processes outright and shows that the same command ends in the same bits."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

UNIT = Path(__file__).parents[1] / "unit"
sys.path.insert(0, str(UNIT / "shards"))

from shard_fixture import made_documents, write_run  # noqa: E402

PROGRAM = """
import sys
from pathlib import Path
from gristmill.train.config import TrainConfig
from gristmill.train.run import train

model = {
    "model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 64, "max_position_embeddings": 64,
    "attention_dropout": 0.1,
}
config = TrainConfig(
    model=model, method="full", sequence_length=64, batch_tokens=256, epochs=3, learning_rate=1e-2,
    threads=1, checkpoint_every_steps=3, eval_every_steps=4,
)
result = train(config, Path(sys.argv[1]), on_event=lambda event: print(event["message"], flush=True))
print("complete", result.is_complete, result.steps, flush=True)
"""
NUM_KILLS = 2


def start(folder: Path) -> subprocess.Popen[str]:
    paths = [path for path in sys.path if path]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder)], stdout=subprocess.PIPE, text=True, env=environment
    )


def finish(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    return output


def test_a_training_killed_at_random_moments_ends_in_the_same_bits(tmp_path: Path) -> None:
    for name in ("whole", "killed"):
        write_run(tmp_path / name, made_documents(60), made_documents(10, seed=9))
    assert "complete True" in finish(start(tmp_path / "whole"))
    chance = random.Random(int(os.environ.get("GRISTMILL_TEST_SEED", "11")))
    num_continued = 0
    for _ in range(NUM_KILLS):
        process = start(tmp_path / "killed")
        assert process.stdout is not None
        steps_before_kill = chance.randint(1, 9)
        for line in process.stdout:
            num_continued += line.startswith("continuing after step")
            steps_before_kill -= line.startswith("loss ")
            if steps_before_kill == 0:
                break
        # Somewhere inside the next step, its records, or a checkpoint being written.
        time.sleep(chance.random() * 0.08)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    output = finish(start(tmp_path / "killed"))
    assert num_continued + output.count("continuing after step") >= 1
    one, other = (tmp_path / name / "train" for name in ("whole", "killed"))
    assert (one / "metrics.jsonl").read_bytes() == (other / "metrics.jsonl").read_bytes()
    assert (one / "model/model.safetensors").read_bytes() == (other / "model/model.safetensors").read_bytes()
    assert pq.read_table(one / "batches").equals(pq.read_table(other / "batches"))
    assert "nothing to do" in finish(start(tmp_path / "killed"))
