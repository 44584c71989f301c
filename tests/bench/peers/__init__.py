"""The same push as a user of other job queues would write it. Nothing in here imports popbridge."""
