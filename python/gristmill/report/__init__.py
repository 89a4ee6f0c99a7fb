"""Turns a run folder into one offline page: what came in, what left at each step, why, and what was learnt.

`build.write_report` is the entry. `folder` reads a run, each module of `sections` returns blocks of plain
data, and `page`, `markdown` and `build` put the same blocks into HTML, Markdown and JSON. Not here: deciding
anything about a run; the report only reads.
"""
