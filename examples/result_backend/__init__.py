"""Getting results back: RPC, submit now and look later, and batches."""
