"""An order that survives its failures: steps, a sleep, an event."""
