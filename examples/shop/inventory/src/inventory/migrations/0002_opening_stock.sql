-- What the warehouse opened with.
INSERT INTO shelves (sku, count) VALUES
    ('assam', 120),
    ('sencha', 85),
    ('oolong', 40),
    ('rooibos', 200),
    ('kettle', 9),
    ('cup', 64);
