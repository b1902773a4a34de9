"""One self-contained HTML file of a run: `html_page(document_of(records, …))`. No network, no strangers' markup."""

from crossloop.report.html.document import document_of
from crossloop.report.html.packing import PackedTable, Shared, SharedList, SharedTexts
from crossloop.report.html.page import FILE, html_page
from crossloop.report.html.shapes import Document
from crossloop.report.html.spans import sentence_of

__all__ = [
    "FILE",
    "Document",
    "PackedTable",
    "Shared",
    "SharedList",
    "SharedTexts",
    "document_of",
    "html_page",
    "sentence_of",
]
