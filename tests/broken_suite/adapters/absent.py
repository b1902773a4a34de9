"""An adapter whose binding nobody has."""

from crossloop.api import AdapterAbout

ABOUT = AdapterAbout(family="broken", library="none", binding="nosuchbinding", summary="Is not installed.")

import nosuchbinding  # type: ignore[import-not-found]  # noqa: E402  (that it is not there is the point)

Adapter = nosuchbinding.Adapter
