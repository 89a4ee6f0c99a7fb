"""Documents to shards: the plan, the stages, the executors, the proof.

Not here: algorithms (the native engine), recipes (`gristmill.recipe`), and printing (`gristmill.cli`).
"""
