"""Books parcels with a carrier."""
