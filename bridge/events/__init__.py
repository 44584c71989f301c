"""Popups without a click, and the life of a call: from what a phone system tells to popups and to the ends of calls."""
