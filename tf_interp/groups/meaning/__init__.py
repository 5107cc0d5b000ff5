"""What a group is: its name and the evidence for it, what a person called it, where it fires, and how clear it is."""
