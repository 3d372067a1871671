"""What moderators can do: one class per kind of action, found through `catalogue`."""
