"""The play: a ten-service company on this machine ships real releases, in five acts."""
