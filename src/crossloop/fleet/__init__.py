"""`crossloop fleet`: one command on several hosts, and what they measured brought back here.

`hosts` reads the file that names them, `question` is what they are asked, `protocol` what is said between here and a
host, `on_host` the program that is sent there, `session` one connection with it, `brought` the place of what comes
back, and `visiting` one host from its first connection to its outcome. docs/fleet.md says what is trusted.
"""
