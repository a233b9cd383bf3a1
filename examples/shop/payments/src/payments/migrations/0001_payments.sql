-- What was charged, and what the acquirer kept of it; cents.
CREATE TABLE payments (
    authorisation text PRIMARY KEY,
    paid_at timestamptz NOT NULL DEFAULT now(),
    amount integer NOT NULL CHECK (amount > 0),
    country text NOT NULL,
    fee integer NOT NULL CHECK (fee >= 0)
);
