"""The only writers of this floor's rows, pages and stored bytes."""
