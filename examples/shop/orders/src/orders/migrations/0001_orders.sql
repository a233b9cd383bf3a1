-- An order is noted before it is paid, and again when it is paid and on its way.
CREATE TABLE orders (
    number text PRIMARY KEY,
    placed_at timestamptz NOT NULL DEFAULT now(),
    amount integer NOT NULL CHECK (amount > 0),
    pieces integer NOT NULL CHECK (pieces > 0),
    country text NOT NULL,
    authorisation text,
    tracking text,
    leave_with text NOT NULL DEFAULT ''
);

CREATE INDEX orders_placed_at ON orders (placed_at DESC);
