"""Small real distributions, made by the scripts beside this file."""
