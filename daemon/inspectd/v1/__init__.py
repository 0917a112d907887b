"""Generated from protos/inspectd/v1 by protos/generate.py; never edited."""
