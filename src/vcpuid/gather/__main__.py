"""`python -m vcpuid.gather`: the collector by itself."""

import sys

from .main import main

main(sys.argv[1:])
