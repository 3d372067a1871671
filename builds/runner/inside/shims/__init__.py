"""What a build may be lent: on PYTHONPATH, this folder's `sitecustomize` runs at the start."""
