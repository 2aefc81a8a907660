"""What is minimised, as (sum, weight) parts."""
