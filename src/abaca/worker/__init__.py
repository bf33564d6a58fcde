"""Workers: they claim jobs, run handlers, renew leases, and put right what others left behind."""
