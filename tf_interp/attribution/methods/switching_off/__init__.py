"""Methods that need no gradient: parts are switched off, and the score is looked at again."""
