"""Everything that leaves the bridge: the one HTTP client, allowed addresses, circuit breakers, limits per target."""
