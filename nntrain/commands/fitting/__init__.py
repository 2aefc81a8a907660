"""`fit`: one run, several of several configs, members, one that goes on, in one process or in several."""
