"""Mutation testing: one small change to a function, and do the tests that call it see it?

    changes.py    the changes: operators, comparisons, constants, conditions, statements
    suite.py      the tests, collected once; each run is in a forked process
    cover.py      which test calls which function, and how long it takes
    __main__.py   a sample of mutants, as many of each room; which survive

    make mutate MUTANTS=200 ROOM="verdict summary/reduce"

Bodies of functions are changed in place, so that nothing is imported again; what a module runs when it is imported
is not changed.
"""
