"""What should run, computed from decisions and never stored; and how true the staging mirror is."""
