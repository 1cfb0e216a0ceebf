"""`python -m vcpuid`."""

import gc

gc.disable()  # a command is over before its garbage matters, that of its imports too

from vcpuid.cli import main  # noqa: E402 - after the line above, which is for it

if __name__ == "__main__":
    main()
