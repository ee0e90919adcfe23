-- The least that a transaction can write.
INSERT INTO bench.inserted VALUES (1);
