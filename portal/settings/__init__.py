"""Settings of each deployment; the only place that reads the control side's environment."""
