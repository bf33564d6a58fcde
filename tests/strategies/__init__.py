"""The inner engine of the strategies: data, back-tests, metrics, sweeps and guards."""
