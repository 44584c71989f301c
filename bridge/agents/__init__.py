"""Who has which extension: the directory, and the sources it is read from."""
