"""What is kept: strategies with their versions, data sets, and runs.

``strategies`` and ``runs`` are light to import; ``datasets`` needs numpy and pandas.
"""
