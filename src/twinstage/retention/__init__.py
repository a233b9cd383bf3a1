"""What may go, and why everything else stays. Pure."""
