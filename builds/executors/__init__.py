"""Where a runner's commands run. Imports neither Django nor the control side's models."""
