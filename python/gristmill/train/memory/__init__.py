"""What a training will need, foreseen before anything loads: memory by kind, arithmetic, time.

There are no formulas for architectures. The network is built without data, and one step of the real code runs on it:
torch knows shape, dtype and life of every tensor, and `ledger` counts them as an allocator would. Whatever the family,
the adapters, the optimiser or the precision, what is counted is what will be allocated.

Reading order: `ledger` (counting), `arithmetic` (what an operation costs), `footprint` (one step without data),
`machine` (what there is), `speed` (how fast it is), `choice` (what is chosen where the recipe says nothing),
`foresight` (the whole, for `gristmill train --plan`).
"""
