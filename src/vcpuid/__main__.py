"""`python -m vcpuid`."""

from vcpuid.cli import main

if __name__ == "__main__":
    main()
