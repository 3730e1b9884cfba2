"""The steps, oldest first by their numbers; a released step is never edited."""
