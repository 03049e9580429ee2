-- A claim rewrites every row of a page at once: with half of the page free it stays in place and no index is touched.
ALTER TABLE orderflow.outbox SET (fillfactor = 45);
