"""Templates of `./dev new-pbx NAME` and `./dev new-crm NAME`, and what writes them: a make that works as it is."""
