"""The ground everything stands on: nouns, errors, numbers, JSON, time. It imports nothing of popbridge but itself."""
