"""The pages people see: one module of function views per page group, no framework between.

Views parse, call one service, translate the result, stop. May import everything below it and
every other room of the portal except `portal.api`.
"""
