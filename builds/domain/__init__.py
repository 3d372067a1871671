"""Pure rules of building: targets, plans, permits, states, outcomes. No Django, I/O or clock."""
