"""Tests that look at CPython's private parts: what they ask, another loop need not have. They are counted apart.

A test is listed when it reads or sets an attribute that begins with an underscore, on a loop, transport, server or
module of asyncio, or when it replaces something that only asyncio's own loops go through and then expects to find it
used. tests/test_dropin.py reads the sources of the running Python's tests for the first kind, so that a test of a newer
Python that does so is not missed.
"""

from collections.abc import Mapping

PRIVATE: Mapping[str, str] = {
    "test_events.test_create_connection_local_addr_nomatch_family": (
        "replaces loop.getaddrinfo on the instance and expects create_connection to call it"
    ),
    "test_events.test_create_connection_local_addr_skip_different_family": (
        "replaces loop.getaddrinfo on the instance and expects create_connection to call it"
    ),
    "test_events.test_create_server_multiple_hosts_ipv4": (
        "replaces asyncio.base_events.socket and loop._start_serving"
    ),
    "test_events.test_create_server_multiple_hosts_ipv6": (
        "replaces asyncio.base_events.socket and loop._start_serving"
    ),
    "test_events.test_internal_fds": "reads loop._internal_fds, loop._csock and loop._ssock",
    "test_events.test_prompt_cancellation": "calls loop._stop_serving",
    "test_events.test_timeout_rounding": "replaces loop._run_once and reads loop._selector",
    "test_events.test_unclosed_pipe_transport": "sets transport._pipe, and reads the state in a transport's repr",
    "test_sendfile.test_sendfile_fallback_close_peer_in_the_middle_of_receiving": "replaces loop._sendfile_native",
    "test_sendfile.test_sendfile_force_fallback": "replaces loop._sendfile_native",
    "test_sendfile.test_sendfile_force_unsupported_native": "replaces loop._sendfile_native",
    "test_sendfile.test_sendfile_no_fallback_for_fallback_transport": "sets transport._sendfile_compatible",
    "test_server.test_start_server_1": "reads server._sockets and server._waiters",
    "test_server.test_start_unix_server_1": "reads server._sockets and server._waiters",
    "test_server.test_wait_closed_basic": "calls server._attach and server._detach, up to Python 3.12",
    "test_server.test_wait_closed_race": "calls server._attach and server._detach, up to Python 3.12",
    "test_sock_lowlevel.test_sendto_blocking": (
        "hands the loop a mock for a socket, and expects its sendto to be called"
    ),
    "test_ssl.test_flush_before_shutdown": "reads transport._ssl_protocol",
    "test_ssl.test_remote_shutdown_receives_trailing_data": "calls transport._test__append_write_backlog",
    "test_sslproto.test_buf_feed_data": "calls asyncio.protocols._feed_data_to_buffered_proto, and no loop",
    "test_subprocess.test_close_dont_kill_finished": (
        "replaces methods of the subprocess.Popen that it expects beneath a transport"
    ),
    "test_subprocess.test_close_kill_running": (
        "calls transport._wait, and replaces kill of the subprocess.Popen that it expects beneath"
    ),
    "test_subprocess.test_pause_reading": (
        "replaces loop.connect_read_pipe on the instance and expects subprocess_exec to call it"
    ),
    "test_subprocess.test_popen_error": "replaces subprocess.Popen and expects the loop to call it",
    "test_subprocess.test_popen_error_with_stdin_pipe": "replaces subprocess.Popen and expects the loop to call it",
}
"""Id of a test → what of CPython's own it looks at."""
