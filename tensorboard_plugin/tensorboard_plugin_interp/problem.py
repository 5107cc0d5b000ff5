"""`Problem`: why a question cannot be answered."""


class Problem(Exception):
    """An answer other than 200, with one line that says why.

    Args:
        code: HTTP status.
        message: one line for a person.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
