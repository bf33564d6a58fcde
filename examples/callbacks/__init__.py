"""What follows when a job ends: callbacks and a webhook."""
