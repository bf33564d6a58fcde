"""Strategies: back-tests, sweeps and checks of trading strategies. Importing this package imports nothing else.

The engine, the metrics and the data sets need numpy and pandas alone (``abaca[strategies]``) and know nothing of jobs.
"""
