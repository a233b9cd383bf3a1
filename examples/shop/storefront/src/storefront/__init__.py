"""The shop's pages and its checkout. All nine others work for it, directly or not."""
