"""The peers' programs, which run in the peers' environment.

Each module has ``reading(base, key, qps)``, which opens what the program needs and gives a function
that reads the whole list of a product and tells its rows. ``qps`` is the limit to live with, or
None where there is none.
"""
