"""Phone systems: the contract (`contract`), the makes there are (`registry`), and one folder for each."""
