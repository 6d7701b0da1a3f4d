"""What is concluded from a Summary."""
