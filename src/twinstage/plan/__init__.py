"""How to get from what is seen to what is wanted without hurting anybody: one file per rule."""
