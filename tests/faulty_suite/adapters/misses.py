"""Wraps a binding that is not installed."""

import nosuchbinding  # type: ignore[import-not-found]  # that it is not there is the point

from crossloop.api import AdapterAbout

ABOUT = AdapterAbout(family="faulty", library="none", binding="nosuchbinding", summary="Has no binding.")

Adapter = nosuchbinding.Adapter
