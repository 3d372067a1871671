"""Pure rules: names, files, pages, negotiation, standing. No Django, no I/O, no clock."""
