-- A minimal double entry with idempotency, as people write it: every operation is recorded once under
-- two unique keys, has two legs that add up to nothing, and moves two balances. No foreign keys and no
-- history tables, which would cost more.
--
-- psql variables: accounts, and stripes: rows over which the income account is spread. One row is the
-- plain way, and every operation waits for its lock; several have to be added up when it is read.

CREATE TABLE accounts (
    id            bigint PRIMARY KEY,
    balance_minor bigint NOT NULL DEFAULT 0
);
CREATE TABLE operations (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    correlation_id     uuid NOT NULL UNIQUE,
    external_date      timestamptz NOT NULL,
    external_reference text NOT NULL,
    external_poster    text NOT NULL,
    kind               text NOT NULL,
    account_id         bigint NOT NULL,
    contra_id          bigint NOT NULL,
    amount_minor       bigint NOT NULL,
    recorded_at        timestamptz NOT NULL DEFAULT now(),
    UNIQUE (external_date, external_reference, external_poster)
);
CREATE TABLE postings (
    operation_id bigint NOT NULL,
    leg          smallint NOT NULL,
    account_id   bigint NOT NULL,
    amount_minor bigint NOT NULL,
    PRIMARY KEY (operation_id, leg)
);

-- Cardholders count from 1, the rows of the income account down from -1.
INSERT INTO accounts (id) SELECT generate_series(1, :accounts);
INSERT INTO accounts (id) SELECT -generate_series(1, :stripes);

-- Posts one operation; the same correlation id or triplet again posts nothing and gives the first one.
CREATE FUNCTION post(
    correlation uuid, reference text, poster text, account bigint, contra bigint, minor bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    operation bigint;
    performed constant timestamptz := '2023-01-02T14:00:00Z';
BEGIN
    INSERT INTO operations (correlation_id, external_date, external_reference, external_poster,
                            kind, account_id, contra_id, amount_minor)
        VALUES (correlation, performed, reference, poster, 'FEE', account, contra, minor)
        ON CONFLICT DO NOTHING RETURNING id INTO operation;
    IF operation IS NULL THEN
        SELECT id INTO operation FROM operations
            WHERE correlation_id = correlation
               OR (external_date, external_reference, external_poster)
                  = (performed, reference, poster);
        RETURN operation;
    END IF;
    INSERT INTO postings VALUES (operation, 1, account, minor), (operation, 2, contra, -minor);
    -- The row that others wait for comes last, so that they wait as briefly as can be.
    UPDATE accounts SET balance_minor = balance_minor + minor WHERE id = account;
    UPDATE accounts SET balance_minor = balance_minor - minor WHERE id = contra;
    RETURN operation;
END $$;

-- Posts many operations in one transaction, set by set. They are made here, which spares PostgreSQL
-- their way over the socket. Rows are locked in order, so that no two transactions wait for each other.
CREATE FUNCTION post_many(count int, account_max bigint, stripes int)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    ids    bigint[];
    minors bigint[];
    posted bigint;
BEGIN
    WITH input AS MATERIALIZED (
        SELECT gen_random_uuid() AS correlation,
               1 + floor(random() * account_max)::bigint AS account,
               -1 - floor(random() * stripes)::bigint AS contra,
               1 + floor(random() * 20000)::bigint AS minor
        FROM generate_series(1, count)
    ), recorded AS (
        INSERT INTO operations (correlation_id, external_date, external_reference, external_poster,
                                kind, account_id, contra_id, amount_minor)
        SELECT correlation, '2023-01-02T14:00:00Z', 'OP-' || left(correlation::text, 23), 'BANK',
               'FEE', account, contra, minor
        FROM input
        ON CONFLICT DO NOTHING RETURNING id, account_id, contra_id, amount_minor
    ), legs AS (
        INSERT INTO postings
        SELECT id, 1, account_id, amount_minor FROM recorded
        UNION ALL
        SELECT id, 2, contra_id, -amount_minor FROM recorded
        RETURNING account_id, amount_minor
    ), sums AS (
        SELECT account_id, sum(amount_minor)::bigint AS minor FROM legs GROUP BY account_id
    )
    SELECT array_agg(account_id ORDER BY account_id), array_agg(minor ORDER BY account_id),
           (SELECT count(*) FROM recorded)
    INTO ids, minors, posted FROM sums;
    PERFORM FROM accounts WHERE id = ANY (ids) ORDER BY id FOR UPDATE;
    UPDATE accounts SET balance_minor = balance_minor + sum.minor
        FROM unnest(ids, minors) AS sum (id, minor) WHERE accounts.id = sum.id;
    RETURN posted;
END $$;

VACUUM ANALYZE accounts;
