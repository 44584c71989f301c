"""The flow that somebody who wires nodes would make of it: a click, the phone system, a popup. It promises nothing."""
