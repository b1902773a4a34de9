"""gevent's hub on the loop, in programs of their own: threads, forks, Ctrl-C, many connections, failures."""

import sys
from collections.abc import Callable

import pytest

Program = Callable[..., str]


def test_the_loop_is_taken_from_the_environment(program: Program) -> None:
    assert program("import gevent; print(gevent.get_hub().loop.__class__.__module__)").endswith(
        "gevent_libevent.core"
    )


def test_each_thread_has_a_hub_and_a_loop_of_its_own(program: Program) -> None:
    assert (
        program("""
        import threading
        import gevent
        from gevent import socket

        def ping_pong(rounds, loops):
            left, right = socket.socketpair()
            def answer():
                while data := right.recv(100):
                    right.sendall(data)
            answering = gevent.spawn(answer)
            for number in range(rounds):
                left.sendall(b"%d" % number)
                assert left.recv(100) == b"%d" % number
            left.close()
            answering.join()
            right.close()
            hub = gevent.get_hub()
            loops.append((hub.loop, hub.loop.default))
            if not hub.loop.default:
                hub.destroy()

        loops = []
        threads = [threading.Thread(target=ping_pong, args=(300, loops)) for _ in range(4)]
        for thread in threads:
            thread.start()
        ping_pong(300, loops)
        for thread in threads:
            thread.join()
        print(len({id(loop) for loop, _ in loops}), sum(default for _, default in loops))
        """)
        == "5 1"
    )


FORK = """
    import os
    import gevent
    from gevent import socket
    from crossloop.bindings.gevent_libevent import forking

    {preamble}
    left, right = socket.socketpair()
    again = gevent.socket.socketpair()
    heard = []
    def listen():
        heard.append(right.recv(100))
    listening = gevent.spawn(listen)
    gevent.sleep(0)     # it waits now: the registration is in the parent's epoll set
    hub = gevent.get_hub()
    pid = os.fork()
    if pid == 0:
        with gevent.Timeout(10, False):
            listening.kill()          # stops the watcher
            gevent.sleep(0.001)       # the loop settles: deletes it from the child's own set
            again[0].sendall(b"child")
            os._exit(0 if again[1].recv(100) == b"child" else 4)
        os._exit(5)
    gevent.sleep(0)
    status = os.waitpid(pid, 0)[1]
    left.sendall(b"parent")
    listening.join(timeout={timeout})
    print(os.waitstatus_to_exitcode(status), heard)
    listening.kill()
    for one in (left, right, *again):
        one.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_childs_loop_works_and_leaves_the_parents_registrations_alone(program: Program) -> None:
    assert program(FORK.format(preamble="", timeout=10)) == "0 [b'parent']"


@pytest.mark.skipif(sys.platform != "linux", reason="epoll sets are what a fork shares")
def test_without_the_hook_the_child_would_take_them_away(program: Program) -> None:
    """The check above can fail: this is the fault that it is there for."""
    preamble = "forking._in_child = lambda: None; forking._hooked.append(True)"
    assert program(FORK.format(preamble=preamble, timeout=0.2)).endswith("[]")


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_fork_watchers_run_in_the_child_and_a_threads_loop_is_left_alone(program: Program) -> None:
    assert (
        program("""
        import os
        import threading
        import gevent
        from crossloop.bindings.gevent_libevent import loop

        hub = gevent.get_hub()
        ran = []
        watcher = hub.loop.fork(ref=False)
        watcher.start(lambda: ran.append(os.getpid()))
        others, running, done = [], threading.Event(), threading.Event()

        def elsewhere():
            own = loop(default=False)
            others.append(own)
            wake = own.async_()
            wake.start(lambda: None)
            others.append(wake)
            running.set()
            own.run(once=True)
            own.destroy()
            done.set()

        thread = threading.Thread(target=elsewhere)
        thread.start()
        running.wait()
        pid = os.fork()
        if pid == 0:
            gevent.sleep(0.001)
            os._exit(0 if ran == [os.getpid()] and others[0].destroyed else 4)
        gevent.sleep(0.001)
        status = os.waitpid(pid, 0)[1]
        others[1].send()
        thread.join()
        print(os.waitstatus_to_exitcode(status), ran, done.is_set())
        """)
        == "0 [] True"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no signals between processes")
def test_ctrl_c_ends_an_idle_wait_and_the_hub_goes_on(program: Program) -> None:
    """libevent waits again after EINTR; without the wake-up descriptor this would take a quarter of an hour."""
    assert (
        program(
            """
        import os
        import signal
        import threading
        import gevent

        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            gevent.sleep(1000)
        except KeyboardInterrupt:
            gevent.sleep(0.001)
            print("interrupted, and on it goes")
        """,
            stderr="KeyboardInterrupt",  # gevent prints what it throws into the main greenlet
        )
        == "interrupted, and on it goes"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no signals between processes")
def test_a_signal_and_a_child_are_told(program: Program) -> None:
    assert (
        program("""
        import os
        import signal
        import gevent
        from gevent import subprocess
        from gevent.event import Event

        got = Event()
        gevent.signal_handler(signal.SIGUSR1, got.set)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert got.wait(10)
        processes = [subprocess.Popen(["sh", "-c", f"exit {code}"]) for code in range(5)]
        print([process.wait(timeout=20) for process in processes])
        """)
        == "[0, 1, 2, 3, 4]"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_child_that_is_reaped_is_told_before_anybody_asks_again(program: Program) -> None:
    """gevent's `waitpid` starts a second watcher unless the first one's callback has run; it would wait for ever."""
    assert (
        program("""
        import os
        import gevent
        from gevent.os import fork_and_watch, waitpid

        def fork(status, how):
            pid = how()
            if pid == 0:
                os._exit(status)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)    # it has ended, and is not reaped
            return pid

        with gevent.Timeout(20):
            pid = fork(3, fork_and_watch)
            # Its start comes in the same batch of calls as the loop's first look at the child.
            print(os.waitstatus_to_exitcode(gevent.spawn(waitpid, pid, 0).get()[1]), end=" ")
            pids = [fork(status, os.fork) for status in range(3)]    # not watched: any will do
            print(sorted(waitpid(-1, 0)[0] for _ in pids) == sorted(pids))
        """)
        == "3 True"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
def test_ten_thousand_greenlets_wait_and_each_is_woken(program: Program) -> None:
    """As many pairs as the limit of descriptors allows, at most 10,000."""
    waiting, woken = program("""
        import resource
        import gevent
        from gevent import socket

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (ValueError, OSError):
            hard = soft
        count = min(10_000, (min(hard, 20_000) - 100) // 2)
        pairs = [socket.socketpair() for _ in range(count)]
        woken = []
        def wait(one):
            woken.append(one.recv(1))
        greenlets = [gevent.spawn(wait, right) for _, right in pairs]
        gevent.sleep(0)
        for left, _ in pairs:
            left.sendall(b"x")
        gevent.joinall(greenlets, timeout=50)
        print(count, woken.count(b"x"))
        for pair in pairs:
            for one in pair:
                one.close()
        """).split()
    assert woken == waiting
    assert int(waiting) > 400


def test_a_handler_that_raises_costs_its_own_connection_alone(program: Program) -> None:
    assert (
        program(
            """
        import gevent
        from gevent import socket
        from gevent.server import StreamServer

        def handle(connection, address):
            while data := connection.recv(100):
                if data == b"fail":
                    raise RuntimeError("this one fails")
                connection.sendall(data)

        server = StreamServer(("127.0.0.1", 0), handle)
        server.start()
        with gevent.Timeout(20):
            good, bad = (socket.create_connection(server.address) for _ in range(2))
            bad.sendall(b"fail")
            assert bad.recv(100) == b""
            good.sendall(b"still here")
            print(good.recv(100).decode())
            good.close()
            bad.close()
        server.stop()
        """,
            stderr="this one fails",
        )
        == "still here"
    )


def test_a_socket_that_is_closed_wakes_who_waits_for_it(program: Program) -> None:
    assert (
        program("""
        import gevent
        from gevent import socket

        left, right = socket.socketpair()
        def wait():
            try:
                right.recv(1)
            except OSError as error:
                return error.errno
        waiting = gevent.spawn(wait)
        gevent.sleep(0)
        number = right.fileno()
        right.close()
        with gevent.Timeout(10):
            import errno
            assert waiting.get() == errno.EBADF
            gevent.sleep(0.001)
            # The number comes back at once, for another socket, and that one is waited for as ever.
            third, fourth = socket.socketpair()
            assert number in (third.fileno(), fourth.fileno())
            fourth.sendall(b"a")
            third.sendall(b"b")
            print(third.recv(1) + fourth.recv(1))
        for one in (left, third, fourth):
            one.close()
        """)
        == "b'ab'"
    )
