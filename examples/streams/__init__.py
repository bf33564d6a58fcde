"""A generator whose items are read once each, whatever fails."""
