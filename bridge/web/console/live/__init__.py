"""The live page's data: who is on a call, who waits, the day's figures; one stream for each open page."""
