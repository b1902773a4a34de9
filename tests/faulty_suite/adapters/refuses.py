"""Says that it cannot be had here."""

from crossloop.api import AdapterAbout, UnsupportedError
from crossloop.idioms.asyncio_ import StandardLoop

ABOUT = AdapterAbout(family="faulty", library="none", binding="none", summary="Refuses to open.")


class Adapter(StandardLoop):
    """Refuses."""

    def __init__(self) -> None:
        raise UnsupportedError("this kernel lacks what it takes")
