# shellcheck shell=sh
# Sourced by ./vcpuid and ./check: sets `python` to the path of a Python that can run vcpuid, or ends the script
# with 3. A path, not a name: where PATH is unset, a Python called by its name does not know where it lies.

python=
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$(command -v "$candidate")
        break
    fi
done
if [ -z "$python" ]; then
    found=$(python3 -c 'import sys; print("python3 is %d.%d" % sys.version_info[:2])' 2>/dev/null) || found="there is no python3"
    echo "vcpuid: needs Python 3.11 or newer on PATH, but $found." >&2
    echo "vcpuid: install one beside it (a package python3.11 or newer); python3.11 to python3.14 are tried by name." >&2
    exit 3
fi
