"""A run in the formats of other tools: pyperf's, and github-action-benchmark's. Pure: same records, same bytes."""

from crossloop.export.action_format import action_document
from crossloop.export.names import NothingToExportError
from crossloop.export.pyperf_format import pyperf_document

__all__ = ["NothingToExportError", "action_document", "pyperf_document"]
