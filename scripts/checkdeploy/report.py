"""One line for each check."""

import traceback
from contextlib import contextmanager


class Skip(Exception):
    """Why a check cannot be made here."""


class Report:
    def __init__(self):
        self.failed = 0

    @contextmanager
    def check(self, name):
        """A check: fails with what is raised; a list that is yielded takes what its line says beside its name."""
        said = []
        try:
            yield said
            self._print("ok", name, said)
        except Skip as reason:
            self._print("skipped", name, [str(reason)])
        except AssertionError as error:
            self._fail(name, str(error))
        except Exception:
            self._fail(name, traceback.format_exc())

    def _fail(self, name, text):
        self.failed += 1
        self._print("failed", name, [text])

    @staticmethod
    def _print(outcome, name, said):
        print(f"{outcome:<8}{name}" + (f": {', '.join(said)}" if said else ""), flush=True)
