-- One line: operations, operations without exactly two legs that add up to nothing, accounts whose
-- balance is not the sum of their legs.
SELECT (SELECT count(*) FROM operations),
       (SELECT count(*) FROM operations LEFT JOIN
            (SELECT operation_id, count(*) AS legs, sum(amount_minor) AS sum
             FROM postings GROUP BY operation_id) AS p ON p.operation_id = operations.id
        WHERE p.legs IS DISTINCT FROM 2 OR p.sum <> 0),
       (SELECT count(*) FROM accounts LEFT JOIN
            (SELECT account_id, sum(amount_minor) AS sum
             FROM postings GROUP BY account_id) AS p ON p.account_id = accounts.id
        WHERE accounts.balance_minor <> coalesce(p.sum, 0));
