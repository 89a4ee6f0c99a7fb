"""Where a model's weights come from: a folder, a GGUF file, or an adapter on one of these. Nothing is loaded here.

Only safetensors and GGUF are read: neither can hold code. Pickled weights, code in the folder and names of remote
models are refused before a library sees them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gristmill.errors import GristmillError

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSource:
    """The files of a model.

    Parameters
    ----------
    weights
        A folder with `config.json` and safetensors, or a GGUF file.
    adapter
        A folder with an adapter of `peft` on these weights; None for none.

    Examples
    --------
    >>> ModelSource(weights=Path("models/small.gguf")).is_gguf
    True
    """

    weights: Path
    adapter: Path | None = None

    @property
    def is_gguf(self) -> bool:
        """Whether the weights are those of a GGUF file."""
        return self.weights.suffix == ".gguf"

    @property
    def folder(self) -> Path:
        """The folder that the weights lie in, and a tokenizer may."""
        return self.weights.parent if self.is_gguf else self.weights

    def files(self) -> list[Path]:
        """Return every file that decides the numbers, sorted within each part."""
        found = (
            [self.weights]
            if self.is_gguf
            else [self.weights / "config.json", *sorted(self.weights.glob("*.safetensors"))]
        )
        if self.adapter is not None:
            found += [self.adapter / ADAPTER_CONFIG, self.adapter / ADAPTER_WEIGHTS]
        return found


def find_source(model: str | Path) -> ModelSource:
    """Return what `model` names: a folder with safetensors, a `.gguf` file or a folder with one, or an adapter folder.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-003`` for a folder that is no plain model, ``GM-TRAIN-021`` for an adapter whose base is not here,
        ``GM-TRAIN-022`` when the GGUF file is not there or not the only one.

    Examples
    --------
    >>> find_source("no/such/model.gguf")
    Traceback (most recent call last):
    gristmill.errors.GristmillError: there is no file `no/such/model.gguf`
    """
    path = Path(model)
    if path.suffix == ".gguf" and not path.is_dir():
        if not path.is_file():
            raise GristmillError("GM-TRAIN-022", f"there is no file `{path}`")
        return ModelSource(weights=path)
    if (path / ADAPTER_CONFIG).is_file():
        return _adapter_source(path)
    if not (path / "config.json").exists() and (files := sorted(path.glob("*.gguf"))):
        if len(files) > 1:
            raise GristmillError(
                "GM-TRAIN-022",
                f"`{path}` holds {len(files)} GGUF files",
                hint=f'name one: `model = "{files[0]}"`',
            )
        return ModelSource(weights=files[0])
    check_folder(path)
    return ModelSource(weights=path)


def _adapter_source(folder: Path) -> ModelSource:
    if (folder / "config.json").exists():
        raise GristmillError(
            "GM-TRAIN-021",
            f"`{folder}` holds both `config.json` and `{ADAPTER_CONFIG}`",
            hint="keep model and adapter in folders of their own",
        )
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise GristmillError("GM-TRAIN-021", f"`{folder}` holds no `{ADAPTER_WEIGHTS}`")
    named = read_adapter_config(folder).get("base_model_name_or_path")
    if not isinstance(named, str) or not named:
        raise GristmillError("GM-TRAIN-021", f"`{folder}/{ADAPTER_CONFIG}` names no base model")
    # Relative to where the command runs, as for the library, else to the adapter.
    base = next((path for path in (Path(named), folder / named) if path.exists()), None)
    if base is None:
        raise GristmillError(
            "GM-TRAIN-021",
            f"the base of the adapter in `{folder}` is `{named}`, and there is no such file or folder",
            hint=f"nothing is downloaded: write its local path into `{ADAPTER_CONFIG}`",
        )
    source = find_source(base)
    if source.adapter is not None:
        raise GristmillError(
            "GM-TRAIN-021",
            f"the base of the adapter in `{folder}` is an adapter itself",
            hint="merge that one first, or name its `model/`",
        )
    return ModelSource(weights=source.weights, adapter=folder)


def read_adapter_config(folder: Path) -> Mapping[str, object]:
    """Return what an adapter's configuration says; raise ``GM-TRAIN-021`` unless it is a JSON object."""
    try:
        found: object = json.loads((folder / ADAPTER_CONFIG).read_bytes())
    except (OSError, ValueError) as error:
        raise GristmillError(
            "GM-TRAIN-021", f"`{folder}/{ADAPTER_CONFIG}` cannot be read: {error}"
        ) from error
    if not isinstance(found, Mapping):
        raise GristmillError("GM-TRAIN-021", f"`{folder}/{ADAPTER_CONFIG}` holds no object")
    return found


def check_folder(folder: Path) -> Mapping[str, object]:
    """Return the configuration of a model folder; raise ``GM-TRAIN-003`` unless it is a plain safetensors model.

    Examples
    --------
    >>> check_folder(Path("no/such/model"))
    Traceback (most recent call last):
    gristmill.errors.GristmillError: `no/such/model` is no model folder: it holds no `config.json`
    """
    try:
        config: object = json.loads((folder / "config.json").read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise GristmillError(
            "GM-TRAIN-003",
            f"`{folder}` is no model folder: it holds no `config.json`",
            hint="nothing is downloaded: set `model` in `[train]` to a local folder that `save_pretrained` wrote",
        ) from error
    except ValueError as error:
        raise GristmillError("GM-TRAIN-003", f"`{folder}/config.json` is not JSON: {error}") from error
    if not isinstance(config, Mapping):
        raise GristmillError("GM-TRAIN-003", f"`{folder}/config.json` holds no object")
    if "auto_map" in config:
        raise GristmillError(
            "GM-TRAIN-003",
            f"the model in `{folder}` brings its own code, which is never run",
            hint="use an architecture that `transformers` has built in",
        )
    if "quantization_config" in config:
        raise GristmillError(
            "GM-TRAIN-003",
            f"the weights in `{folder}` are quantised already",
            hint='use the original weights; `method = "qlora"` quantises them itself',
        )
    if not any(folder.glob("*.safetensors")):
        raise GristmillError("GM-TRAIN-003", f"`{folder}` holds no `*.safetensors` weights")
    return config
