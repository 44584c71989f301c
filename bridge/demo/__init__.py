"""The demo: a simulated phone system and a simulated CRM around the real bridge, on one machine, for a browser or not.

`python -m bridge.demo [--pbx MAKE] [--once] [--port N] [--dir DIR]`; `./dev demo` calls it. Nothing happens at import.
"""
