"""What can be wrong with a journal."""


class JournalError(Exception):
    """A journal cannot be read or written; the message names file, line, what is wrong and what to do."""


class UnfitRecordError(JournalError):
    """A record breaks a bound of the schema that cannot be kept by cutting; the message names record and bound."""
