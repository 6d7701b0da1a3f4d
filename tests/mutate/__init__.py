"""Mutation testing: one small change to a function, and do the tests that call it see it?

    changes.py    the changes: operators, comparisons, constants, conditions, statements
    cover.py      which test file calls which function, and how long it takes
    __main__.py   a sample of mutants, each in a forked process; which survive

    make mutate MUTANTS=200 ROOM="verdict summary/reduce"

Bodies of functions are changed in place, so that nothing is imported again; what a module runs when it is imported
is not changed.  Test files that only run the command as a process see no mutant and are not asked.
"""
