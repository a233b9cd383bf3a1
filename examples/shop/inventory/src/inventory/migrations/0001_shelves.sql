-- The warehouse's shelves, and every delivery that filled them.
CREATE TABLE shelves (
    sku text PRIMARY KEY,
    count integer NOT NULL CHECK (count >= 0)
);

CREATE TABLE deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    arrived_at timestamptz NOT NULL DEFAULT now(),
    sku text NOT NULL REFERENCES shelves (sku),
    count integer NOT NULL CHECK (count > 0)
);
