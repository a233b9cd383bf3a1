"""The ecosystems' databases on this machine: where PostgreSQL's programs are, who may come in as whom, what is done to data."""
