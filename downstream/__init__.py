"""What others build with this project's towers: each folder is a bridge into somebody else's framework."""
