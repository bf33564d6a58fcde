"""What people and programs see of jobs, queues, workers and schedules."""
