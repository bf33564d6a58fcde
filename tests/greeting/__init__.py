"""A plugin for the tests: everything that a plugin may bring, in its smallest form."""
