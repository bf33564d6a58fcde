"""The compile service on Abaca: jobs that compile, what they share, and what workers tell of themselves."""
