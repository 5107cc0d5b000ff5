"""The loop that draws: a program of compiled steps, what it is asked for, and what it returns."""
