"""`inspectd`: the command line. A wrong setting is one line and exit code 2; a server that is away is one line and 1.

Code 2 means that only a person can mend it: the service unit tries again after every other one.
"""

import sys

from inspectd.errors import InspectdError, Misconfigured


def main() -> None:
    """Runs the command line and turns our errors into one line each."""
    from inspectd.cli import app

    try:
        app()
    except Misconfigured as error:
        print(f"inspectd: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except InspectdError as error:
        print(f"inspectd: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
