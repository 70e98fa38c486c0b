"""What is concluded: one file a report. Being here gives it a page, files and the command."""
