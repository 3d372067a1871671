"""What a builder does with one job. No Django, no database, no secret but the job's lease.

May import `builds.executors`, `builds.domain` and `indexes.domain`. One module a stage; `run` is
the way through them, `check` is also what the control side judges a wheel with.
"""
