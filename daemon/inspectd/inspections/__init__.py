"""The ledger: one verdict for every frame."""
