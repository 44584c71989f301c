"""The door of `/console/connect`: what is connected, tests and tries, agents, buttons; and the guides."""
