"""What groups do: each switched off, all subsets, and how much of a decision they carry."""
