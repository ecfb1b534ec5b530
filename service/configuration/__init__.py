"""Reading settings: where they come from, and the forms that they take."""
