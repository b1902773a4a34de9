"""Small programs, each run in a process of its own, that answer one question about a library with one JSON object.

They are apart from what asks them, so that the process holds nothing but the library: a numeric library's threads, say,
would be among those that are counted.
"""
