"""What requests and open streams cost the HTTP service, beside a bare route of its framework."""
