"""Shares: what load hosts did in slices, added up host by host. Pure."""

from collections.abc import Sequence

from crossloop.journal import HostShare


def added_up(shares: Sequence[HostShare]) -> HostShare:
    """All of one host's *shares*, of which there is one at least: sums, the most connections, the largest error."""
    return HostShare(
        host=shares[0].host,
        connections=max(share.connections for share in shares),
        operations=sum(share.operations for share in shares),
        elapsed_ns=sum(share.elapsed_ns for share in shares),
        load_cpu_ns=sum(share.load_cpu_ns for share in shares),
        start_error_ns=max(share.start_error_ns for share in shares),
    )
