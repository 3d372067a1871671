"""Programs that run inside the sandbox, on a target's Python: standard library only, 3.6 on."""
