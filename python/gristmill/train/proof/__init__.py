"""Before the first step: do the shards teach what they should? Every row is checked by number, a sample by its text.

A wrong mask fails silently: the loss falls, and the model never stops, or answers with questions. So training does not
start on shards whose labels are not the assistant's turns with their stop token (`rows`: all rows, vectorised; `turns`:
decoded text of a bounded sample against the turns as they were read), nor on counts that are not those of the manifest.
"""

from gristmill.train.proof.prove import Proof, prove, prove_run, prove_splits, require_proof_of_labels

__all__ = ["Proof", "prove", "prove_run", "prove_splits", "require_proof_of_labels"]
