"""Fixtures for the tests of plugins, in every pytest session of an environment with gristmill.

Nothing of gristmill is loaded until a fixture is used. Strategies for hypothesis are functions: import `documents` and
`batches` from `gristmill.plugins.testing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gristmill.plugins.operators import Operator
    from gristmill.plugins.testing import OneOperatorHost

    OpenHost = Callable[..., OneOperatorHost]


@pytest.fixture
def plugin_host() -> Iterator[OpenHost]:
    """Return ``plugin_host(operator, config=None, seed=7)``: a host with the operator opened, closed after the test.

    Its `run(batch)` gives what the operator makes of an Arrow batch, checked as in a run; every document may fail.
    """
    from gristmill.plugins.testing import OneOperatorHost

    with ExitStack() as stack:

        def open_host(
            operator: type[Operator], config: Mapping[str, object] | None = None, *, seed: int = 7
        ) -> OneOperatorHost:
            return stack.enter_context(OneOperatorHost(operator, config, seed=seed))

        yield open_host


@pytest.fixture
def nasty_documents() -> list[str]:
    """Return documents made to break careless code; see `gristmill.plugins.testing.nasty_documents`."""
    from gristmill.plugins.testing import nasty_documents as made

    return made()


@pytest.fixture
def assert_contract() -> Callable[..., None]:
    """Return `gristmill.plugins.testing.assert_contract`."""
    from gristmill.plugins.testing import assert_contract as check

    return check


@pytest.fixture
def gristmill_plugins_dir(tmp_path: Path) -> Path:
    """Return an empty folder for single-file plugins, for `--plugins-dir` or the recipe's `plugins_dir`."""
    folder = tmp_path / "gristmill-plugins"
    folder.mkdir()
    return folder
