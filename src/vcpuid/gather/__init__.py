"""The collector: looks at one machine and writes down what it sees as a snapshot document.

Standard library only, Python 3.6 and up, and no import of the rest of vcpuid: the same modules are sent to
hosts as one text (`bundle`). It judges nothing.
"""

VERSION = "0.1.0"
