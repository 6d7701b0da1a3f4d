"""Fuzzing guided by coverage: every reader, on damaged pieces of the recordings, held to laws.

    corpus.py     pieces of the recordings: of each shape of line a few
    laws.py       what no input may break
    targets.py    the readers, each with its pieces and its laws
    mutate.py     damage that a text can take: lines, fields, numbers at the edges, messages of dtrace
    worker.py     one target under atheris, in a process of its own
    __main__.py   all of them one after the other, and a table

    make fuzz SECONDS=600 TARGET=vmtrace      atheris is the extra [fuzz]
    python -m tests.fuzz --again FILE TARGET  one input once more, with its traceback

tests/test_fuzz.py replays the pieces and all that was ever found, without atheris.
"""
