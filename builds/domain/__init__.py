"""Pure rules of building: targets, plans, permits, states, outcomes. No Django, no I/O, no clock."""
