"""What is read: lists, counts, and the frames that pages and reports are computed from."""
