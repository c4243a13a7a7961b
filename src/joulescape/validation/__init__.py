"""Every published figure of the shelf beside the model's: the rows of `tables.PUBLISHED`.

The tolerance follows from the quantity's class, read off its name. Rows with role `prediction` are the model's record;
a row marked `expected: miss` is shown and counts like any other.
"""

from joulescape.validation.classes import CLASSES, figure_class, tolerance_fraction
from joulescape.validation.record import ClassRecord, Summary, class_records, summary
from joulescape.validation.remembered import Remembered
from joulescape.validation.rows import published_row, validate
from joulescape.validation.slow import STORE

__all__ = [
    "CLASSES",
    "STORE",
    "ClassRecord",
    "Remembered",
    "Summary",
    "class_records",
    "figure_class",
    "published_row",
    "summary",
    "tolerance_fraction",
    "validate",
]
