"""What happens on this floor, told to the floors above inside the same transaction."""

from django.dispatch import Signal

file_published = Signal()
"""`file`."""

standing_changed = Signal()
"""`file`, `before`, `after`, `reason`."""

release_yanked = Signal()
"""`project`, `version`, `reason`."""

release_unyanked = Signal()
"""`project`, `version`."""

project_status_changed = Signal()
"""`project`, `before`, `after`."""
