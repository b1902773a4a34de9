"""Declares what is not a literal; the supervisor must say so, and not run it."""

from crossloop.api import AdapterAbout

ABOUT = AdapterAbout(
    family=str(print("this must never run")), library="none", binding="none", summary="Cheats."
)
