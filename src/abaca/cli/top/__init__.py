"""``abaca top``: what happens on a store, live in a terminal."""
