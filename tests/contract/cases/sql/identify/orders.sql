CREATE TABLE pushed (
    tid TEXT PRIMARY KEY, seller TEXT NOT NULL, modified TEXT NOT NULL, created TEXT NOT NULL, status TEXT NOT NULL,
    response TEXT
);
CREATE TABLE pushed_lines (tid TEXT NOT NULL, number INTEGER NOT NULL, sku TEXT, title TEXT, quantity INTEGER, price TEXT);
INSERT INTO pushed VALUES
('4203417012345678901', '旗艦店', '2026-03-01 17:00:00', '2026-03-01 16:50:00', 'PAID',
 '{"trade": {"tid": 4203417012345678901, "payment": "45.00", "buyer_message": "請用厚一點的箱子📦 شكرا", "post_fee": 5.00}}'),
('A-2', '旗艦店', '2026-03-01 17:00:00', '2026-02-28 09:00:00', 'CLOSED', '{"trade": {"tid": "A-2", "payment": "0.10"}}'),
('A-3', '另一家', '2026-03-01 17:10:00', '2026-03-01 17:00:00', 'PAID', '{"trade": {"tid": "A-3", "payment": "9"}}'),
('A-4', '旗艦店', '2026-03-01 17:59:59.999', '2026-03-01 17:00:00', 'PAID', '{"trade": {"tid": "A-4", "payment": "7.5"}}'),
('A-5', '旗艦店', '2026-03-01 18:00:00', '2026-03-01 17:00:00', 'PAID', '{"trade": {"tid": "A-5", "payment": "1"}}'),
('A-6', '旗艦店', '2026-03-01 16:59:59', '2026-03-01 16:00:00', 'PAID', '{"trade": {"tid": "A-6", "payment": "1"}}');
INSERT INTO pushed_lines VALUES
('4203417012345678901', 2, 'SOCK-3P', '襪子三雙裝', 2, '7.50'),
('4203417012345678901', 1, 'TEE-BLK-L', '純棉 T 恤 🐼', 1, '25.00'),
('A-2', 1, 'PEN', '', 1, '0.10'),
('A-4', 1, 'PEN', NULL, 3, '2.50'),
('A-5', 1, 'PEN', '', 1, '1');
