"""What a page consists of: functions that make a section of a run, or None where the run has nothing for it."""
