"""An index: what earlier runs kept, which of it a run is checked against, and how a run adds to it.

An index is a folder of segments, one a run: `segment-000001/` and so on. A segment is there once its `manifest.json`
is, which is put if absent, as every commit is; readers follow manifests by number and list no folder. The manifest
names the files with digests, the configuration that their keys depend on, the inputs, and the lineage of the run: all
that its kept documents depend on, the segments before it included.

By the lineage a run finds its own segment again. It then leaves out that one and all behind it, so that the same
command gives the same bytes whatever was added since. A run without a segment of its own is checked against all there
are when its dedup stages begin, and adds the next one at its end; if another was faster, it has to be run again.
"""

from __future__ import annotations

from gristmill.curate.dedup_index.append import publish
from gristmill.curate.dedup_index.resolve import resolve
from gristmill.curate.dedup_index.segments import IndexUse, Segment, earlier_indexes, read_segments
from gristmill.curate.dedup_index.tasks import build_parts, check_segments, name_parts, pass_parts

__all__ = [
    "IndexUse",
    "Segment",
    "build_parts",
    "check_segments",
    "earlier_indexes",
    "name_parts",
    "pass_parts",
    "publish",
    "read_segments",
    "resolve",
]
