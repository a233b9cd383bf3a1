"""A first twinstage.yaml for a repository that has none, from what lies in it. Pure: texts in, text out."""
