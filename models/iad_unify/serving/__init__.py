"""Serving functions of the three models: numpy arrays in and out, named by the catalog. They know no server."""
