"""What is entered."""
