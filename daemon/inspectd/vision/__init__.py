"""The models as the daemon sees them: ports, and adapters for Triton and for a worker process of our own."""
