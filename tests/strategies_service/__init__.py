"""The strategies service: what it keeps, its jobs, and the code that it runs in the sandbox."""
