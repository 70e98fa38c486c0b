"""What the field's standards derive and demand. Pure: knows no database."""
