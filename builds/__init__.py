"""What to make, and making it: permits, targets, plans, builds, attempts, and the builder.

May import `indexes`; knows nothing of people, so never imports `portal`.
"""
