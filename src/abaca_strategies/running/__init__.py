"""Strategies and cells that somebody wrote, run in the sandbox from a process that has numpy, pandas and matplotlib
loaded.

``runner`` is what the application uses. ``work`` says what is asked for and answered. ``inside`` runs in the sandbox,
next to code that nobody vouches for: nothing that comes from there is trusted for more than numbers and text.
"""
